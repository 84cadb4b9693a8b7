package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"roomcast/web"
	"roomcast/web/api"
)

func TestARoomIsMadeReadChangedAndDeleted(t *testing.T) {
	h := newHouse(t, nil)
	made := h.room(`{"room_name":"Business Meeting","room_type":"meet","room_access_code":"4711","room_metadata":{"n":1.10,"big":12345678901234567890,"gone":null}}`)
	id := made.str("id")
	if made.header.Get("Location") != "/api/v1/rooms/"+id || made.header.Get("ETag") == "" {
		t.Errorf("headers %v", made.header)
	}
	for field, want := range map[string]string{
		"room_name": "Business Meeting", "room_type": "meet", "room_access_code": "4711", "status": "idle",
		"moderator_url": "http://example.com/join/" + made.str("moderator_token"), "room_url": "http://example.com/rooms/" + id,
	} {
		if got := made.str(field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	for _, null := range []string{"participant_access_code", "moderator_access_code", "stream_key", "ingest_urls", "starts_at", "pull_source", "customer_id"} {
		if v, there := made.body[null]; !there || v != nil {
			t.Errorf("%s: %v (there %v), want null", null, v, there)
		}
	}
	metadata, _ := json.Marshal(made.body["room_metadata"]) // Numbers as they came.
	if string(metadata) != `{"big":12345678901234567890,"gone":null,"n":1.10}` {
		t.Errorf("metadata %s", metadata)
	}
	read := h.must(200, "GET", "/api/v1/rooms/"+id, "")
	if read.header.Get("ETag") != made.header.Get("ETag") || read.text != made.text {
		t.Errorf("read %s\nmade %s", read.text, made.text)
	}
	changed := h.must(200, "PATCH", "/api/v1/rooms/"+id, `{"room_name":"Board","room_metadata":{"n":null}}`, "Content-Type", "application/merge-patch+json")
	if metadata, _ := changed.body["room_metadata"].(map[string]any); changed.str("room_name") != "Board" || metadata["n"] != nil || metadata["big"] == nil {
		t.Errorf("%s", changed.text)
	}
	replaced := h.must(200, "PUT", "/api/v1/rooms/"+id+"/room_metadata", `{"only":null}`)
	if metadata, _ := replaced.body["room_metadata"].(map[string]any); len(metadata) != 1 {
		t.Errorf("%s", replaced.text)
	}
	if gone := h.must(204, "DELETE", "/api/v1/rooms/"+id, ""); gone.text != "" {
		t.Errorf("204 with %q", gone.text)
	}
	h.expect(h.admin("GET", "/api/v1/rooms/"+id, ""), 404, "not_found")
}

func TestPreconditions(t *testing.T) {
	h := newHouse(t, nil)
	made := h.room(`{"room_name":"x","room_type":"live"}`)
	path, first := "/api/v1/rooms/"+made.str("id"), made.header.Get("ETag")
	if a := h.admin("GET", path, "", "If-None-Match", `"other", W/`+first); a.status != http.StatusNotModified || a.text != "" || a.header.Get("ETag") != first {
		t.Errorf("%d %q", a.status, a.text)
	}
	second := h.must(200, "PATCH", path, `{"room_name":"y"}`, "If-Match", first).header.Get("ETag")
	if second == first {
		t.Error("the ETag did not change")
	}
	h.expect(h.admin("PATCH", path, `{"room_name":"z"}`, "If-Match", first), 412, "precondition_failed")
	h.expect(h.admin("PUT", path+"/room_metadata", `{}`, "If-Match", first), 412, "precondition_failed")
	h.expect(h.admin("DELETE", path, "", "If-Match", first), 412, "precondition_failed")
	h.must(200, "POST", path+"/lock", "")
	if got := h.must(200, "GET", path, "").header.Get("ETag"); got != second {
		t.Error("a lock, which is not stored with the room, changed the ETag")
	}
	h.must(204, "DELETE", path, "", "If-Match", second)
}

func TestCreatesAreRepeatable(t *testing.T) {
	h := newHouse(t, nil)
	const body = `{"room_name":"once & <again>","room_type":"meet"}`
	first := h.must(201, "POST", "/api/v1/rooms", body, "Idempotency-Key", "k1")
	again := h.must(201, "POST", "/api/v1/rooms", body, "Idempotency-Key", "k1")
	if first.text != again.text || first.header.Get("Location") != again.header.Get("Location") || first.header.Get("ETag") != again.header.Get("ETag") {
		t.Errorf("%s\n%s", first.text, again.text)
	}
	h.expect(h.admin("POST", "/api/v1/rooms", `{"room_name":"twice","room_type":"meet"}`, "Idempotency-Key", "k1"), 422, "idempotency_key_reused")
	if other := h.must(201, "POST", "/api/v1/customers", `{"name":"c"}`, "Idempotency-Key", "k1"); other.str("id") == first.str("id") {
		t.Error("the key of one path holds for another")
	}
	h.expect(h.admin("POST", "/api/v1/rooms", body, "Idempotency-Key", ""), 422, "validation_failed")
	h.expect(h.admin("POST", "/api/v1/rooms", body, "Idempotency-Key", strings.Repeat("k", 256)), 422, "validation_failed")
	if n := len(h.must(200, "GET", "/api/v1/rooms", "").items()); n != 1 {
		t.Errorf("%d rooms, want 1", n)
	}
	tokens := "/api/v1/rooms/" + first.str("id") + "/join_tokens"
	minted := h.must(201, "POST", tokens, `{"role":"participant"}`, "Idempotency-Key", "k2")
	if repeated := h.must(201, "POST", tokens, `{"role":"participant"}`, "Idempotency-Key", "k2"); repeated.str("token") != minted.str("token") || minted.str("token") == "" {
		t.Error("a repeated minting shows another token")
	}
}

func TestListsComeInPages(t *testing.T) {
	h := newHouse(t, nil)
	var want []string
	for _, name := range []string{"alpha", "beta", "gamma", "delta", "epsilon"} {
		want = append(want, h.room(`{"room_name":"`+name+`","room_type":"meet"}`).str("id"))
	}
	slices.Reverse(want)
	var got []string
	for path := "/api/v1/rooms?limit=2"; path != ""; {
		page := h.must(200, "GET", path, "")
		for _, item := range page.items() {
			got = append(got, item["id"].(string))
		}
		path = ""
		if next := page.str("next_cursor"); next != "" {
			path = "/api/v1/rooms?limit=2&cursor=" + url.QueryEscape(next)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if found := h.must(200, "GET", "/api/v1/rooms?q=GAM&room_type=meet&status=idle", "").items(); len(found) != 1 || found[0]["room_name"] != "gamma" {
		t.Errorf("found %v", found)
	}
	if empty := h.must(200, "GET", "/api/v1/rooms?room_type=video", ""); !strings.Contains(empty.text, `"items":[]`) || !strings.Contains(empty.text, `"next_cursor":null`) {
		t.Errorf("%s", empty.text)
	}
}

func TestSecretsAreAbsentWithoutTheScope(t *testing.T) {
	h := newHouse(t, nil)
	h.scoped("scoped-key", "rooms:read")
	made := h.room(`{"room_name":"x","room_type":"live","moderator_access_code":"canary-code"}`)
	path := "/api/v1/rooms/" + made.str("id")
	scoped := func(method, path, body string) answer {
		return h.ask(method, path, body, "Authorization", "Bearer scoped-key")
	}
	for _, a := range []answer{scoped("GET", path, ""), scoped("GET", "/api/v1/rooms", ""), scoped("PATCH", path, `{"room_name":"y"}`)} {
		if a.status != 200 {
			t.Errorf("%d %s", a.status, a.text)
		}
		for _, field := range []string{
			"moderator_token", "participant_token", "room_access_code", "participant_access_code", "moderator_access_code", "stream_key",
			"backup_stream_key", "srt_passphrase", "moderator_url", "participant_url", "room_url", "ingest_urls",
		} {
			if strings.Contains(a.text, `"`+field+`"`) {
				t.Errorf("%s is there: %s", field, a.text)
			}
		}
	}
	h.expect(scoped("PATCH", path, `{"room_access_code":"1"}`), 403, "forbidden")
	h.expect(scoped("POST", path+"/stream_key/regenerate", ""), 403, "forbidden")
	h.expect(scoped("DELETE", path+"/srt_passphrase", ""), 403, "forbidden")
	h.expect(scoped("POST", path+"/join_tokens", `{"role":"moderator"}`), 403, "forbidden")
}

func TestSecretsAreMadeAnew(t *testing.T) {
	h := newHouse(t, nil)
	made := h.room(`{"room_name":"x","room_type":"live"}`)
	path := "/api/v1/rooms/" + made.str("id")
	for _, field := range []string{"moderator_token", "participant_token", "stream_key", "backup_stream_key", "srt_passphrase"} {
		a := h.must(200, "POST", path+"/"+field+"/regenerate", `{"disconnect":true}`)
		if a.str(field) == "" || a.str(field) == made.str(field) {
			t.Errorf("%s: %q", field, a.str(field))
		}
	}
	h.must(204, "DELETE", path+"/backup_stream_key", "")
	h.must(204, "DELETE", path+"/srt_passphrase", "")
	if a := h.must(200, "GET", path, ""); a.body["backup_stream_key"] != nil || a.body["srt_passphrase"] != nil {
		t.Errorf("%s", a.text)
	}
	h.expect(h.ask("POST", "/api/v1/door", `{"token":"`+made.str("moderator_token")+`"}`), 404, "token_unknown")
	meet := h.room(`{"room_name":"x","room_type":"meet"}`)
	h.expect(h.admin("POST", "/api/v1/rooms/"+meet.str("id")+"/stream_key/regenerate", ""), 409, "wrong_room_type")
	h.expect(h.admin("DELETE", path+"/stream_key", ""), 404, "not_found")
}

func TestURLsAreThoseTheCallerCanUse(t *testing.T) {
	tests := map[string]struct {
		change     func(*web.Options)
		headers    []string
		door, rtmp string
	}{
		"by the request's host": {nil, []string{"Host", "live.example:8080"}, "http://live.example:8080/join/", "rtmp://live.example/live"},
		"by an IPv6 host":       {nil, []string{"Host", "[2001:db8::1]:8080"}, "http://[2001:db8::1]:8080/join/", "rtmp://[2001:db8::1]/live"},
		"by PUBLIC_URL": {
			func(o *web.Options) { o.PublicURL = &url.URL{Scheme: "https", Host: "pub.example", Path: "/"} },
			nil, "https://pub.example/join/", "rtmp://pub.example/live",
		},
		"RTMPS when it is on": {
			func(o *web.Options) {
				o.API.Listeners = func() api.Listeners { return api.Listeners{RTMPPort: 1935, RTMPSPort: 1936} }
			},
			[]string{"Host", "a.example"},
			"http://a.example/join/", "rtmps://a.example:1936/live",
		},
		"another port is named": {
			func(o *web.Options) { o.API.Listeners = func() api.Listeners { return api.Listeners{RTMPPort: 2935} } },
			[]string{"Host", "a.example"},
			"http://a.example/join/", "rtmp://a.example:2935/live",
		},
		"a listener that is off is left out": {
			func(o *web.Options) { o.API.Listeners = nil }, []string{"Host", "a.example"}, "http://a.example/join/", "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, tt.change)
			a := h.must(201, "POST", "/api/v1/rooms", `{"room_name":"x","room_type":"live"}`, tt.headers...)
			if !strings.HasPrefix(a.str("participant_url"), tt.door) {
				t.Errorf("participant_url %s", a.str("participant_url"))
			}
			ingest, _ := a.body["ingest_urls"].(map[string]any)
			rtmp, _ := ingest["rtmp"].(map[string]any)
			if got, _ := rtmp["url"].(string); got != tt.rtmp {
				t.Errorf("rtmp %q, want %q", got, tt.rtmp)
			}
			if tt.rtmp != "" && rtmp["stream_key"] != a.body["stream_key"] {
				t.Errorf("key %v", rtmp["stream_key"])
			}
		})
	}
}

func TestAddressesOfSRTAreWhole(t *testing.T) {
	h := newHouse(t, func(o *web.Options) {
		o.API.Listeners = func() api.Listeners { return api.Listeners{SRTPort: 8890, RTMPPort: 1935} }
	})
	a := h.must(201, "POST", "/api/v1/rooms", `{"room_name":"x","room_type":"live"}`, "Host", "a.example")
	address := func() any {
		ingest, _ := a.body["ingest_urls"].(map[string]any)
		srt, _ := ingest["srt"].(map[string]any)
		return srt["url"]
	}
	want := "srt://a.example:8890?streamid=publish:" + a.str("stream_key")
	if address() != want {
		t.Errorf("address %v, want %s", address(), want)
	}
	a = h.must(200, "POST", "/api/v1/rooms/"+a.str("id")+"/srt_passphrase/regenerate", "", "Host", "a.example")
	if want += "&passphrase=" + url.QueryEscape(a.str("srt_passphrase")); address() != want {
		t.Errorf("address %v, want %s", address(), want)
	}
	joined := h.join(a.str("participant_token"), "")
	endpoints, _ := joined.body["endpoints"].(map[string]any)
	if got, _ := endpoints["rtmp"].(string); !strings.Contains(got, "/play/") || !strings.HasPrefix(got, "rtmp://") {
		t.Errorf("endpoints.rtmp is %q", got)
	}
}

func TestAddressesOfRTSPAreWhole(t *testing.T) {
	h := newHouse(t, func(o *web.Options) { o.API.Listeners = func() api.Listeners { return api.Listeners{RTSPPort: 8554} } })
	a := h.must(201, "POST", "/api/v1/rooms", `{"room_name":"x","room_type":"live"}`, "Host", "a.example")
	ingest, _ := a.body["ingest_urls"].(map[string]any)
	rtsp, _ := ingest["rtsp"].(map[string]any)
	if want := "rtsp://a.example:8554/live/" + a.str("stream_key"); rtsp["url"] != want || ingest["rtmp"] != nil {
		t.Errorf("ingest_urls %v, want %s", ingest, want)
	}
	joined := h.join(a.str("participant_token"), "")
	endpoints, _ := joined.body["endpoints"].(map[string]any)
	hls, _ := endpoints["hls"].(string)
	if ticket := strings.Split(hls, "/")[5]; endpoints["rtsp"] != "rtsp://example.com:8554/play/"+ticket {
		t.Errorf("endpoints %v", endpoints)
	}
}

func TestCustomersAndSubscriptions(t *testing.T) {
	h := newHouse(t, nil)
	customer := h.must(201, "POST", "/api/v1/customers", `{"name":"Example Ltd","external_id":"e1","customer_metadata":{"n":1.0}}`)
	cid := customer.str("id")
	if customer.header.Get("Location") != "/api/v1/customers/"+cid || customer.str("status") != "active" || !strings.Contains(customer.text, `"n":1.0`) {
		t.Errorf("%v %s", customer.header, customer.text)
	}
	plan := h.must(201, "POST", "/api/v1/subscriptions", `{"name":"Team","customer_id":"`+cid+`","limits":{"max_rooms":1,"max_participants":3}}`)
	sid := plan.str("id")
	room := h.room(`{"room_name":"x","room_type":"meet","subscription_id":"` + sid + `"}`)
	if room.str("customer_id") != cid || !strings.Contains(room.text, `"limit_sources":{"max_participants":"subscription"}`) {
		t.Errorf("%s", room.text)
	}
	full := h.admin("POST", "/api/v1/rooms", `{"room_name":"y","room_type":"meet","subscription_id":"`+sid+`"}`)
	h.expect(full, 403, "limit_exceeded")
	if full.str("limit") != "max_rooms" || full.body["value"] != json.Number("1") || full.str("source") != "subscription" {
		t.Errorf("%s", full.text)
	}
	h.expect(h.admin("DELETE", "/api/v1/customers/"+cid, ""), 409, "in_use")
	h.expect(h.admin("DELETE", "/api/v1/subscriptions/"+sid, ""), 409, "in_use")
	if list := h.must(200, "GET", "/api/v1/subscriptions?customer_id="+cid, "").items(); len(list) != 1 {
		t.Errorf("%v", list)
	}
	etag := h.must(200, "GET", "/api/v1/customers/"+cid, "").header.Get("ETag")
	h.must(200, "PATCH", "/api/v1/customers/"+cid, `{"status":"suspended"}`, "If-Match", etag)
	h.expect(h.ask("POST", "/api/v1/door", `{"token":"`+room.str("participant_token")+`"}`), 403, "room_suspended")
	h.must(200, "PATCH", "/api/v1/subscriptions/"+sid, `{"name":"Bigger"}`)
	h.must(204, "DELETE", "/api/v1/rooms/"+room.str("id"), "")
	h.must(204, "DELETE", "/api/v1/subscriptions/"+sid, "")
	h.must(204, "DELETE", "/api/v1/customers/"+cid, "")
	h.expect(h.admin("GET", "/api/v1/customers/"+cid, ""), 404, "not_found")
	if list := h.must(200, "GET", "/api/v1/customers", "").items(); len(list) != 0 {
		t.Errorf("%v", list)
	}
}
