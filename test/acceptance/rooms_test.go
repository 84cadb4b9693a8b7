package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"roomcast/test/harness"
)

func TestARoomOfEachTypeHasWhatItsTypeHas(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	for _, roomType := range []string{"meet", "live", "simulcast", "video"} {
		t.Run(roomType, func(t *testing.T) {
			var room harness.Room
			answer := s.API().Want(t, http.MethodPost, "/api/v1/rooms",
				harness.Fields{"room_name": "Business Meeting", "room_type": roomType}, http.StatusCreated, &room)
			if len(room.ModeratorToken) < 22 || len(room.ParticipantToken) < 22 || room.ModeratorToken == room.ParticipantToken {
				t.Errorf("tokens %q and %q are not 128 bits each", room.ModeratorToken, room.ParticipantToken)
			}
			if !strings.HasSuffix(room.ModeratorURL, "/join/"+room.ModeratorToken) ||
				!strings.HasSuffix(room.ParticipantURL, "/join/"+room.ParticipantToken) {
				t.Errorf("door URLs %q and %q do not end in their tokens", room.ModeratorURL, room.ParticipantURL)
			}
			if !strings.HasPrefix(room.ModeratorURL, s.URL("/")) {
				t.Errorf("moderator_url %q is not on the host that was asked", room.ModeratorURL)
			}
			if room.RoomURL != nil {
				t.Errorf("room_url %q, want null: it would admit nobody", *room.RoomURL)
			}
			if room.Status != "idle" || room.Locked || room.Type != roomType || room.CreatedAt.IsZero() {
				t.Errorf("a new room is %+v", room)
			}
			broadcasts := roomType == "live" || roomType == "simulcast"
			if (room.StreamKey != nil) != broadcasts || (room.IngestURLs != nil) != broadcasts {
				t.Errorf("stream_key %v and ingest_urls %v in a %s room", room.StreamKey, room.IngestURLs, roomType)
			}
			if broadcasts {
				rtmp := room.IngestURLs["rtmp"]
				if rtmp.StreamKey != *room.StreamKey || !strings.HasPrefix(rtmp.URL, "rtmp://127.0.0.1:") {
					t.Errorf("ingest_urls.rtmp is %+v", rtmp)
				}
				for door, whole := range map[string]string{
					"rtsp": "rtsp://" + s.RTSP + "/live/" + *room.StreamKey,
					"srt":  "srt://" + s.SRT + "?streamid=publish:" + *room.StreamKey,
				} {
					if got := room.IngestURLs[door].URL; got != whole {
						t.Errorf("ingest_urls.%s is %q, want %q", door, got, whole)
					}
				}
			}
			if answer.Header.Get("ETag") == "" {
				t.Error("the answer has no ETag")
			}
			again := s.Room(t, room.ID)
			if again.ModeratorToken != room.ModeratorToken || again.Name != room.Name {
				t.Errorf("read back: %+v, want %+v", again, room)
			}
		})
	}
}

func TestRoomFieldsThatAreRefused(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	meet := s.CreateRoom(t, "meet", harness.Fields{"moderator_access_code": "0815"})
	manyKeys := make(map[string]any)
	for i := range 129 {
		manyKeys[fmt.Sprintf("key-%d", i)] = i
	}
	create := func(more harness.Fields) (string, string, any) {
		body := harness.Fields{"room_name": "x", "room_type": "meet"}
		for k, v := range more {
			body[k] = v
		}
		return http.MethodPost, "/api/v1/rooms", body
	}
	patch := func(change harness.Fields) (string, string, any) {
		return http.MethodPatch, "/api/v1/rooms/" + meet.ID, change
	}
	type call func() (string, string, any)
	cases := []struct {
		name    string
		call    call
		status  int
		code    string
		pointer string
	}{
		{"a room without a name", func() (string, string, any) {
			return http.MethodPost, "/api/v1/rooms", harness.Fields{"room_type": "meet"}
		}, 422, "validation_failed", "/room_name"},
		{"a room without a type", func() (string, string, any) {
			return http.MethodPost, "/api/v1/rooms", harness.Fields{"room_name": "x"}
		}, 422, "validation_failed", "/room_type"},
		{"an unknown type", func() (string, string, any) { return create(harness.Fields{"room_type": "cinema"}) }, 422, "validation_failed", "/room_type"},
		{"a name of 201 characters", func() (string, string, any) {
			return create(harness.Fields{"room_name": strings.Repeat("ä", 201)})
		}, 422, "validation_failed", "/room_name"},
		{"an unknown field", func() (string, string, any) { return create(harness.Fields{"colour": "red"}) }, 422, "unknown_field", "/colour"},
		{"an unknown feature", func() (string, string, any) {
			return create(harness.Fields{"room_features": harness.Fields{"teleport": true}})
		}, 422, "unknown_field", "/room_features/teleport"},
		{"a feature of another type of room", func() (string, string, any) {
			return create(harness.Fields{"room_features": harness.Fields{"low_latency": true}})
		}, 422, "unknown_field", "/room_features/low_latency"},
		{"a feature of the wrong JSON type", func() (string, string, any) {
			return create(harness.Fields{"room_features": harness.Fields{"chat": "yes"}})
		}, 422, "validation_failed", "/room_features/chat"},
		{"an unknown limit", func() (string, string, any) {
			return create(harness.Fields{"limits": harness.Fields{"max_fun": 1}})
		}, 422, "unknown_field", "/limits/max_fun"},
		{"a negative limit", func() (string, string, any) {
			return create(harness.Fields{"limits": harness.Fields{"max_participants": -1}})
		}, 422, "validation_failed", "/limits/max_participants"},
		{"an id of one's own", func() (string, string, any) { return create(harness.Fields{"id": "mine"}) }, 422, "read_only", "/id"},
		{"a token of one's own", func() (string, string, any) {
			return create(harness.Fields{"moderator_token": "aaaaaaaaaaaaaaaaaaaaaaaaaa"})
		}, 422, "read_only", "/moderator_token"},
		{"settings", func() (string, string, any) {
			return create(harness.Fields{"room_settings": harness.Fields{}})
		}, 422, "read_only", "/room_settings"},
		{"a status", func() (string, string, any) { return patch(harness.Fields{"status": "active"}) }, 422, "read_only", "/status"},
		{"a lock by PATCH", func() (string, string, any) { return patch(harness.Fields{"locked": true}) }, 422, "read_only", "/locked"},
		{"another type later", func() (string, string, any) { return patch(harness.Fields{"room_type": "live"}) }, 422, "room_type_immutable", "/room_type"},
		{"equal codes at creation", func() (string, string, any) {
			return create(harness.Fields{"moderator_access_code": "4711", "participant_access_code": "4711"})
		}, 422, "codes_equal", ""},
		{"equal codes by a later change", func() (string, string, any) {
			return patch(harness.Fields{"room_access_code": "0815"})
		}, 422, "codes_equal", ""},
		{"a code of 65 characters", func() (string, string, any) {
			return patch(harness.Fields{"room_access_code": strings.Repeat("1", 65)})
		}, 422, "validation_failed", "/room_access_code"},
		{"an empty code", func() (string, string, any) { return patch(harness.Fields{"room_access_code": ""}) }, 422, "validation_failed", "/room_access_code"},
		{"a code with a line break", func() (string, string, any) { return patch(harness.Fields{"room_access_code": "1\n2"}) }, 422, "validation_failed", "/room_access_code"},
		{"nested metadata", func() (string, string, any) {
			return patch(harness.Fields{"room_metadata": harness.Fields{"a": harness.Fields{"b": 1}}})
		}, 422, "nested_metadata", "/room_metadata/a"},
		{"129 metadata keys", func() (string, string, any) { return patch(harness.Fields{"room_metadata": manyKeys}) }, 422, "validation_failed", "/room_metadata"},
		{"metadata over 64 KiB", func() (string, string, any) {
			return patch(harness.Fields{"room_metadata": harness.Fields{"a": strings.Repeat("x", 66000)}})
		}, 422, "validation_failed", "/room_metadata"},
		{"no JSON", func() (string, string, any) {
			return http.MethodPost, "/api/v1/rooms", harness.Raw(`{"room_name": "x"`)
		}, 400, "malformed_json", ""},
		{"an array", func() (string, string, any) { return http.MethodPost, "/api/v1/rooms", harness.Raw(`[]`) }, 0, "", ""},
		{"a pull source in a meeting", func() (string, string, any) {
			return create(harness.Fields{"pull_source": harness.Fields{"url": "rtsp://192.0.2.1/x"}})
		}, 422, "", ""},
		{"a subscription that is not there", func() (string, string, any) { return create(harness.Fields{"subscription_id": "nope"}) }, 422, "validation_failed", "/subscription_id"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			method, path, body := c.call()
			answer := s.API().Do(t, method, path, body)
			if c.status == 0 {
				if answer.Status != 400 && answer.Status != 422 {
					t.Fatalf("status %d, want 400 or 422", answer.Status)
				}
				return
			}
			answer.Is(t, c.status, c.code)
			problem := answer.Problem(t)
			if c.pointer == "" {
				return
			}
			for _, fault := range problem.Errors {
				if fault.Pointer == c.pointer {
					return
				}
			}
			t.Errorf("no error points at %s: %s", c.pointer, answer.Body)
		})
	}
	if now := s.Room(t, meet.ID); !now.UpdatedAt.Equal(meet.UpdatedAt) {
		t.Error("a refused change touched the room")
	}
}

func TestHTTPManners(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	path := "/api/v1/rooms/" + room.ID
	t.Run("no key and a wrong key are unauthorized", func(t *testing.T) {
		s.Stranger().Refused(t, http.MethodGet, path, nil, 401, "unauthorized")
		s.Stranger().Bearer("wrong").Refused(t, http.MethodGet, path, nil, 401, "unauthorized")
	})
	t.Run("what is not there is not found", func(t *testing.T) {
		s.API().Refused(t, http.MethodGet, "/api/v1/rooms/nope", nil, 404, "not_found")
		s.API().Refused(t, http.MethodGet, "/api/v1/nothing", nil, 404, "not_found")
	})
	t.Run("another media type is refused", func(t *testing.T) {
		s.API().With("Content-Type", "text/plain").Refused(t, http.MethodPost, "/api/v1/rooms", harness.Raw(`x`), 415, "unsupported_media_type")
	})
	t.Run("a body over 1 MiB is refused", func(t *testing.T) {
		big := harness.Fields{"room_name": "x", "room_type": "meet", "room_description": strings.Repeat("x", 1<<20)}
		s.API().Refused(t, http.MethodPost, "/api/v1/rooms", big, 413, "body_too_large")
	})
	t.Run("If-Match holds a change against another one", func(t *testing.T) {
		first := s.API().Want(t, http.MethodGet, path, nil, 200, nil).Header.Get("ETag")
		s.API().With("If-Match", first).Want(t, http.MethodPatch, path, harness.Fields{"room_description": "one"}, 200, nil)
		s.API().With("If-Match", first).Refused(t, http.MethodPatch, path, harness.Fields{"room_description": "two"}, 412, "precondition_failed")
		s.API().With("If-Match", first).Refused(t, http.MethodDelete, path, nil, 412, "precondition_failed")
	})
	t.Run("a repeated create answers the same room", func(t *testing.T) {
		client := s.API().With("Idempotency-Key", "abc-1")
		body := harness.Fields{"room_name": "once", "room_type": "meet"}
		var one, two harness.Room
		client.Want(t, http.MethodPost, "/api/v1/rooms", body, 201, &one)
		client.Want(t, http.MethodPost, "/api/v1/rooms", body, 201, &two)
		if one.ID != two.ID || one.ModeratorToken != two.ModeratorToken {
			t.Errorf("two rooms: %s and %s", one.ID, two.ID)
		}
		client.Refused(t, http.MethodPost, "/api/v1/rooms", harness.Fields{"room_name": "other", "room_type": "meet"}, 422, "idempotency_key_reused")
	})
	t.Run("bearer calls answer CORS for everybody", func(t *testing.T) {
		answer := s.API().With("Origin", "https://example.com").Want(t, http.MethodGet, path, nil, 200, nil)
		if got := answer.Header.Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("Access-Control-Allow-Origin %q, want *", got)
		}
		if answer.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Error("credentials are allowed")
		}
	})
	t.Run("OpenAPI and its page are served", func(t *testing.T) {
		var api struct {
			OpenAPI string         `json:"openapi"`
			Paths   map[string]any `json:"paths"`
		}
		s.Stranger().Want(t, http.MethodGet, "/api/v1/openapi.json", nil, 200, &api)
		if !strings.HasPrefix(api.OpenAPI, "3.1") || len(api.Paths) < 20 {
			t.Errorf("OpenAPI %q with %d paths", api.OpenAPI, len(api.Paths))
		}
		page := s.Stranger().Want(t, http.MethodGet, "/api/docs", nil, 200, nil)
		if strings.Contains(string(page.Body), "https://") && strings.Contains(string(page.Body), "unpkg") {
			t.Error("the docs page fetches from elsewhere")
		}
	})
}

func TestListsOfRooms(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	var made []string
	for i := range 7 {
		roomType := []string{"meet", "live"}[i%2]
		room := s.CreateRoom(t, roomType, harness.Fields{"room_name": fmt.Sprintf("Nümber %d", i), "room_description": "a 100% fine_room"})
		made = append(made, room.ID)
	}
	slices.Reverse(made)
	list := func(t *testing.T, query string) harness.Page[harness.Room] {
		t.Helper()
		var page harness.Page[harness.Room]
		s.API().Want(t, http.MethodGet, "/api/v1/rooms"+query, nil, 200, &page)
		return page
	}
	ids := func(rooms []harness.Room) []string {
		var out []string
		for _, r := range rooms {
			out = append(out, r.ID)
		}
		return out
	}
	t.Run("pages follow each other, newest first", func(t *testing.T) {
		var got []string
		query := "?limit=3"
		for {
			page := list(t, query)
			got = append(got, ids(page.Items)...)
			if page.NextCursor == nil {
				break
			}
			query = "?limit=3&cursor=" + url.QueryEscape(*page.NextCursor)
		}
		if !slices.Equal(got, made) {
			t.Errorf("got %v, want %v", got, made)
		}
	})
	t.Run("filters by type and words", func(t *testing.T) {
		for query, want := range map[string]int{
			"?room_type=live": 3, "?q=N%C3%BCmber+4": 1, "?q=n%C3%BCMBER": 7, "?q=100%25": 7, "?q=_": 7, "?q=" + made[2]: 1, "?q=%25%25": 0,
			"?status=idle": 7, "?status=active": 0, "?q=nowhere": 0, "?room_type=meet&q=number+1": 0,
		} {
			if got := len(list(t, query).Items); got != want {
				t.Errorf("%s: %d rooms, want %d", query, got, want)
			}
		}
	})
	t.Run("bad queries are refused", func(t *testing.T) {
		for _, query := range []string{"?limit=0", "?limit=201", "?limit=x", "?cursor=%00", "?room_type=cinema", "?status=odd"} {
			if answer := s.API().Do(t, http.MethodGet, "/api/v1/rooms"+query, nil); answer.Status != 422 {
				t.Errorf("%s: %d, want 422: %s", query, answer.Status, answer.Body)
			}
		}
	})
}

func TestMetadataComesBackAsItWasSent(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	const sent = `{"big": 12345678901234567890123, "exp": 1e3, "frac": 1.50, "neg": -0, "none": null, "no": false, "name": "Grüße \u0000"}`
	var room harness.Room
	s.API().Want(t, http.MethodPost, "/api/v1/rooms", harness.Raw(`{"room_name":"m","room_type":"video","room_metadata":`+sent+`}`), 201, &room)
	path := "/api/v1/rooms/" + room.ID
	var want map[string]json.RawMessage
	if err := json.Unmarshal([]byte(sent), &want); err != nil {
		t.Fatal(err)
	}
	same := func(got, want map[string]json.RawMessage) {
		t.Helper()
		for key, raw := range want {
			if string(raw) != string(got[key]) && key != "name" {
				t.Errorf("%s came back as %s, sent as %s", key, got[key], raw)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d keys, want %d: %v", len(got), len(want), got)
		}
	}
	same(s.Room(t, room.ID).Metadata, want)

	s.API().Want(t, http.MethodPatch, path, harness.Raw(`{"room_metadata":{"exp":null,"new":2.0}}`), 200, nil)
	delete(want, "exp")
	want["new"] = json.RawMessage("2.0")
	same(s.Room(t, room.ID).Metadata, want)

	s.API().Want(t, http.MethodPut, path+"/room_metadata", harness.Raw(`{"only":null,"n":0.10}`), 200, nil)
	same(s.Room(t, room.ID).Metadata, map[string]json.RawMessage{"only": json.RawMessage("null"), "n": json.RawMessage("0.10")})
}

func TestSettingsShowWhatIsReallyRun(t *testing.T) {
	s := harness.Start(t, harness.Options{Env: []string{"ROOMCAST_LIMITS_MAX_PARTICIPANTS=40", "ROOMCAST_LIMITS_MAX_HEIGHT=1080"}})
	var customer struct{ ID string }
	s.API().Want(t, http.MethodPost, "/api/v1/customers", harness.Fields{"name": "Acme", "external_id": "77"}, 201, &customer)
	var plan struct{ ID string }
	s.API().Want(t, http.MethodPost, "/api/v1/subscriptions", harness.Fields{
		"customer_id": customer.ID, "name": "Gold", "limits": harness.Fields{"max_participants": 30, "max_bitrate_bps": 5_000_000},
	}, 201, &plan)
	room := s.CreateRoom(t, "live", harness.Fields{
		"subscription_id": plan.ID, "limits": harness.Fields{"max_participants": 50, "max_bitrate_bps": 4_000_000},
		"room_features": harness.Fields{"chat": false},
	})
	if room.CustomerID == nil || *room.CustomerID != customer.ID {
		t.Errorf("customer_id %v does not follow the subscription's %s", room.CustomerID, customer.ID)
	}
	for limit, want := range map[string]struct {
		value  float64
		source string
	}{"max_participants": {30, "subscription"}, "max_bitrate_bps": {4_000_000, "room"}, "max_height": {1080, "server"}} {
		if got := room.Settings.Limits[limit]; got != want.value {
			t.Errorf("%s is %v, want %v", limit, got, want.value)
		}
		if got := room.Settings.LimitSources[limit]; got != want.source {
			t.Errorf("%s comes from %q, want %q", limit, got, want.source)
		}
	}
	for feature, want := range map[string]any{"chat": false, "public": false, "reconnect_window_seconds": 60.0, "recording": false, "offline_image": nil} {
		if got, there := room.Settings.Features[feature]; got != want || !there {
			t.Errorf("feature %s is %v, want %v", feature, got, want)
		}
	}
	s.API().Refused(t, http.MethodDelete, "/api/v1/subscriptions/"+plan.ID, nil, 409, "in_use")
	s.API().Refused(t, http.MethodDelete, "/api/v1/customers/"+customer.ID, nil, 409, "in_use")
	s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID, nil, 204, nil)
	s.API().Want(t, http.MethodDelete, "/api/v1/subscriptions/"+plan.ID, nil, 204, nil)
	s.API().Want(t, http.MethodDelete, "/api/v1/customers/"+customer.ID, nil, 204, nil)
}

func TestStreamKeysAreRegeneratedAndCleared(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "simulcast", nil)
	path := "/api/v1/rooms/" + room.ID
	if room.BackupStreamKey != nil || room.SRTPassphrase != nil {
		t.Errorf("backup key and passphrase are there before they were made: %+v", room)
	}
	var now harness.Room
	s.API().Want(t, http.MethodPost, path+"/stream_key/regenerate", harness.Fields{"disconnect": true}, 200, &now)
	if *now.StreamKey == *room.StreamKey {
		t.Error("the stream key is the old one")
	}
	s.API().Want(t, http.MethodPost, path+"/backup_stream_key/regenerate", harness.Fields{"disconnect": false}, 200, &now)
	s.API().Want(t, http.MethodPost, path+"/srt_passphrase/regenerate", nil, 200, &now)
	if now.BackupStreamKey == nil || now.SRTPassphrase == nil {
		t.Fatalf("not made: %+v", now)
	}
	s.API().Want(t, http.MethodDelete, path+"/backup_stream_key", nil, 204, nil)
	s.API().Want(t, http.MethodDelete, path+"/srt_passphrase", nil, 204, nil)
	if now = s.Room(t, room.ID); now.BackupStreamKey != nil || now.SRTPassphrase != nil {
		t.Errorf("not cleared: %+v", now)
	}
	meet := s.CreateRoom(t, "meet", nil)
	s.API().Refused(t, http.MethodPost, "/api/v1/rooms/"+meet.ID+"/stream_key/regenerate", nil, 409, "wrong_room_type")
}

func TestACreatedRoomAppearsAtOnce(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	before := time.Now().Add(-time.Second)
	room := s.CreateRoom(t, "meet", harness.Fields{"room_name": " padded ", "starts_at": "2031-01-02T03:04:05+02:00"})
	if room.StartsAt == nil || !room.StartsAt.Equal(time.Date(2031, 1, 2, 1, 4, 5, 0, time.UTC)) {
		t.Errorf("starts_at %v, want 01:04:05 UTC", room.StartsAt)
	}
	if room.CreatedAt.Before(before) || room.CreatedAt.Location() != time.UTC {
		t.Errorf("created_at %v", room.CreatedAt)
	}
	var page harness.Page[harness.Room]
	s.API().Want(t, http.MethodGet, "/api/v1/rooms", nil, 200, &page)
	if len(page.Items) != 1 || page.Items[0].ID != room.ID {
		t.Errorf("the list holds %+v", page.Items)
	}
}
