package rooms_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"roomcast/rooms"
)

func TestBodiesOfRooms(t *testing.T) {
	h := newHouse(t)
	sub := h.subscription(`{"name":"s"}`)
	many := func(n int, format string) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(format, i))
		}
		return strings.Join(parts, ",")
	}
	long := strings.Repeat("x", 201)
	tests := map[string]struct {
		members string // further ones of a good body
		code    string // "" when it is fine
		pointer string // of the only fault
	}{
		"a plain room is fine":                        {``, "", ""},
		"an unknown field is refused by name":         {`"room_colour":1`, "unknown_field", "/room_colour"},
		"a read-only field is refused":                {`"id":"x"`, "read_only", "/id"},
		"tokens cannot be set":                        {`"moderator_token":"x"`, "read_only", "/moderator_token"},
		"status cannot be set":                        {`"status":"idle"`, "read_only", "/status"},
		"an empty name is refused":                    {`"room_name":""`, "validation_failed", "/room_name"},
		"a blank name is refused":                     {`"room_name":"  "`, "validation_failed", "/room_name"},
		"a name of 200 characters is fine":            {`"room_name":"` + strings.Repeat("ü", 200) + `"`, "", ""},
		"a name of 201 characters is refused":         {`"room_name":"` + long + `"`, "validation_failed", "/room_name"},
		"a null name is refused":                      {`"room_name":null`, "validation_failed", "/room_name"},
		"a name with a control character is refused":  {`"room_name":"a\u0007"`, "validation_failed", "/room_name"},
		"another type is refused":                     {`"room_type":"webinar"`, "validation_failed", "/room_type"},
		"a null description is the empty one":         {`"room_description":null`, "", ""},
		"a description of many lines is fine":         {`"room_description":"a\nb"`, "", ""},
		"a code of 64 characters is fine":             {`"room_access_code":"` + strings.Repeat("9", 64) + `"`, "", ""},
		"a code of 65 characters is refused":          {`"room_access_code":"` + strings.Repeat("9", 65) + `"`, "validation_failed", "/room_access_code"},
		"an empty code is refused":                    {`"room_access_code":""`, "validation_failed", "/room_access_code"},
		"a code with a line break is refused":         {`"room_access_code":"1\n2"`, "validation_failed", "/room_access_code"},
		"a number is no code":                         {`"room_access_code":4711`, "validation_failed", "/room_access_code"},
		"equal codes are refused":                     {`"room_access_code":"1","moderator_access_code":"1"`, "codes_equal", "/moderator_access_code"},
		"equal codes are refused for both":            {`"participant_access_code":"1","moderator_access_code":"1"`, "codes_equal", "/moderator_access_code"},
		"participants' codes may be equal":            {`"participant_access_code":"1","room_access_code":"1"`, "", ""},
		"a feature of its type is fine":               {`"room_features":{"waiting_room":true,"video_codec":"av1"}`, "", ""},
		"an unknown feature is refused":               {`"room_features":{"lasers":true}`, "unknown_field", "/room_features/lasers"},
		"a feature of another type is refused":        {`"room_features":{"dvr_window_seconds":10}`, "unknown_field", "/room_features/dvr_window_seconds"},
		"a feature of the wrong type is refused":      {`"room_features":{"chat":"yes"}`, "validation_failed", "/room_features/chat"},
		"features are an object":                      {`"room_features":[]`, "validation_failed", "/room_features"},
		"an origin is fine":                           {`"room_features":{"embed_origins":["https://a.example:8443"]}`, "", ""},
		"an origin with a path is refused":            {`"room_features":{"embed_origins":["https://a.example/"]}`, "validation_failed", "/room_features/embed_origins"},
		"a wildcard origin is refused":                {`"room_features":{"embed_origins":["https://*.example"]}`, "validation_failed", "/room_features/embed_origins"},
		"an origin cannot carry another directive":    {`"room_features":{"embed_origins":["https://a.example; script-src *"]}`, "validation_failed", "/room_features/embed_origins"},
		"21 origins are too many":                     {`"room_features":{"embed_origins":[` + many(21, `"https://a%d.example"`) + `]}`, "validation_failed", "/room_features/embed_origins"},
		"flat metadata is fine":                       {`"room_metadata":{"a":1e400,"b":null,"c":true,"d":"x"}`, "", ""},
		"nested metadata is refused":                  {`"room_metadata":{"a/b~c":{"d":1}}`, "nested_metadata", "/room_metadata/a~1b~0c"},
		"a list in metadata is refused":               {`"room_metadata":{"a":[]}`, "nested_metadata", "/room_metadata/a"},
		"128 keys of metadata are fine":               {`"room_metadata":{` + many(128, `"k%d":1`) + `}`, "", ""},
		"129 keys of metadata are refused":            {`"room_metadata":{` + many(129, `"k%d":1`) + `}`, "validation_failed", "/room_metadata"},
		"metadata over 64 KiB is refused":             {`"room_metadata":{"a":"` + strings.Repeat("x", 64<<10) + `"}`, "validation_failed", "/room_metadata"},
		"limits are numbers or null":                  {`"limits":{"max_participants":5,"max_height":null}`, "", ""},
		"a negative limit is refused":                 {`"limits":{"max_participants":-1}`, "validation_failed", "/limits/max_participants"},
		"a fraction is no limit":                      {`"limits":{"max_participants":1.5}`, "validation_failed", "/limits/max_participants"},
		"an unknown limit is refused":                 {`"limits":{"max_rooms":1}`, "unknown_field", "/limits/max_rooms"},
		"a time is fine":                              {`"starts_at":"2030-01-01T00:00:00+02:00"`, "", ""},
		"no time is refused":                          {`"starts_at":"tomorrow"`, "validation_failed", "/starts_at"},
		"a pull source is not for meetings":           {`"pull_source":{"url":"rtsp://camera/1"}`, "validation_failed", "/pull_source"},
		"a subscription that is there is fine":        {`"subscription_id":"` + sub.ID + `"`, "", ""},
		"a subscription that is not there is refused": {`"subscription_id":"none"`, "validation_failed", "/subscription_id"},
		"a customer that is not there is refused":     {`"customer_id":"none"`, "validation_failed", "/customer_id"},
		"a customer follows from the subscription":    {`"subscription_id":"` + sub.ID + `","customer_id":"none"`, "validation_failed", "/customer_id"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := map[string]json.RawMessage{"room_name": json.RawMessage(`"n"`), "room_type": json.RawMessage(`"meet"`)}
			var more map[string]json.RawMessage
			if err := json.Unmarshal([]byte("{"+tt.members+"}"), &more); err != nil {
				t.Fatal(err)
			}
			maps.Copy(body, more)
			raw, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = h.CreateRoom(t.Context(), raw, full)
			wantCode(t, "create", err, tt.code)
			if tt.code == "" || err == nil {
				return
			}
			if e := errorOf(t, err); len(e.Faults) != 1 || e.Faults[0].Pointer != tt.pointer || e.Faults[0].Code != tt.code {
				t.Errorf("faults %+v, want one at %s", e.Faults, tt.pointer)
			}
		})
	}
}

func TestSeveralFaultsAreNamedTogether(t *testing.T) {
	h := newHouse(t)
	_, _, err := h.CreateRoom(t.Context(), json.RawMessage(`{"id":1,"foo":2}`), full)
	wantCode(t, "create", err, "validation_failed")
	var got []string
	for _, f := range errorOf(t, err).Faults {
		got = append(got, f.Pointer+" "+f.Code)
	}
	want := []string{"/room_type validation_failed", "/room_name validation_failed", "/foo unknown_field", "/id read_only"}
	if !slices.Equal(got, want) {
		t.Errorf("faults %q, want %q", got, want)
	}
	for _, body := range []string{`[]`, `"x"`, `null`} {
		_, _, err := h.CreateRoom(t.Context(), json.RawMessage(body), full)
		wantCode(t, body, err, "validation_failed")
	}
	_, _, err = h.CreateRoom(t.Context(), json.RawMessage(`{"room_name":`), full)
	wantCode(t, "half a body", err, "malformed_json")
}

func TestMetadataKeepsNumbersAsSentAndNullsAsTheRulesSay(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Meet, `"room_metadata":{"a":1e400,"b":12345678901234567890,"c":1.10,"d":null,"e":"x"}`)
	want := func(v rooms.View, want string) {
		t.Helper()
		got, err := json.Marshal(v.Metadata)
		if err != nil || string(got) != want {
			t.Errorf("metadata %s (%v), want %s", got, err, want)
		}
		stored, err := json.Marshal(h.get(v.ID).Metadata)
		if err != nil || string(stored) != want {
			t.Errorf("stored metadata %s (%v), want %s", stored, err, want)
		}
	}
	want(v, `{"a":1e400,"b":12345678901234567890,"c":1.10,"d":null,"e":"x"}`)
	want(h.patch(v.ID, `{"room_metadata":{"a":null,"f":-0.0}}`), `{"b":12345678901234567890,"c":1.10,"d":null,"e":"x","f":-0.0}`)
	put, err := h.PutMetadata(t.Context(), v.ID, json.RawMessage(`{"x":null,"y":1E2}`), full)
	if err != nil {
		t.Fatal(err)
	}
	want(put, `{"x":null,"y":1E2}`)
	_, err = h.PutMetadata(t.Context(), v.ID, json.RawMessage(`{"x":{}}`), full)
	wantCode(t, "nested", err, "nested_metadata")
	want(h.patch(v.ID, `{"room_metadata":null}`), `{}`)
}

func TestPatchMerges(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Live, `"room_access_code":"4711","room_features":{"chat":false,"slow_mode_seconds":5},"limits":{"max_participants":5,"max_height":720},
		"pull_source":{"url":"rtsp://user:pass@camera/1"}`)
	after := h.patch(v.ID, `{"room_name":"Other","room_features":{"chat":null,"public":true},"limits":{"max_height":null,"max_bitrate_bps":7},"pull_source":{"transport":"tcp"}}`)
	switch {
	case after.Name != "Other", after.RoomAccessCode == nil:
		t.Errorf("name %q, code %v", after.Name, after.RoomAccessCode)
	case len(after.Features) != 2 || after.Features["public"] != true:
		t.Errorf("features %v", after.Features)
	case after.Limits.MaxHeight != nil || *after.Limits.MaxParticipants != 5 || *after.Limits.MaxBitrateBps != 7:
		t.Errorf("limits %+v", after.Limits)
	case after.PullSource.Transport != "tcp" || after.PullSource.ShownURL() != "rtsp://camera/1":
		t.Errorf("pull source %s %s", after.PullSource.Transport, after.PullSource.ShownURL())
	case !after.UpdatedAt.After(v.UpdatedAt) || after.ETag() == v.ETag():
		t.Error("a change left updated_at or the ETag alone")
	}
	if same := h.patch(v.ID, `{"room_name":"Other"}`); same.ETag() != after.ETag() || !same.UpdatedAt.Equal(after.UpdatedAt) {
		t.Error("a patch that changes nothing changed the ETag")
	}
	if v := h.patch(v.ID, `{"room_access_code":null,"pull_source":null}`); v.RoomAccessCode != nil || v.PullSource != nil {
		t.Error("null did not clear code and pull source")
	}
	for patch, want := range map[string]string{
		`{"room_type":"live"}`:               "room_type_immutable",
		`{"stream_key":"x"}`:                 "read_only",
		`{"pull_source":{"url":"http://x"}}`: "validation_failed",
		`{"room_name":null}`:                 "validation_failed",
	} {
		_, err := h.PatchRoom(t.Context(), v.ID, json.RawMessage(patch), full)
		wantCode(t, patch, err, want)
	}
	h.patch(v.ID, `{"moderator_access_code":"secret-code"}`)
	_, err := h.PatchRoom(t.Context(), v.ID, json.RawMessage(`{"room_access_code":"secret-code"}`), full)
	wantCode(t, "equal codes", err, "codes_equal")
	if strings.Contains(fmt.Sprintf("%v %+v", err, errorOf(t, err)), "secret-code") {
		t.Error("the refusal repeats the code")
	}
}

func TestIfMatchHoldsAChangeToWhatWasSeen(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Meet, "")
	change := func(tag, name string) error {
		_, err := h.PatchRoom(t.Context(), v.ID, json.RawMessage(`{"room_name":"`+name+`"}`), rooms.WriteOptions{IfMatch: tag})
		return err
	}
	h.mustEnter(v.ParticipantToken, "Ann") // active now
	if _, err := h.door.Lock(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "status and lock change no ETag", change(v.ETag(), "B"), "")
	wantCode(t, "an old tag", change(v.ETag(), "C"), "precondition_failed")
	wantCode(t, "a list with the tag", change(`"x", `+h.get(v.ID).ETag(), "D"), "")
	wantCode(t, "a weak tag", change("W/"+h.get(v.ID).ETag(), "E"), "precondition_failed")
	wantCode(t, "anything", change("*", "F"), "")
	if _, err := h.SetSuspended(t.Context(), v.ID, true); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "delete by an old tag", h.DeleteRoom(t.Context(), v.ID, rooms.WriteOptions{IfMatch: v.ETag()}), "precondition_failed")
	wantCode(t, "delete", h.DeleteRoom(t.Context(), v.ID, rooms.WriteOptions{IfMatch: h.get(v.ID).ETag()}), "")
	wantCode(t, "a room that is gone", change("*", "G"), "not_found")
}

func TestOnlyWhoSeesSecretsWritesCodes(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Meet, "")
	_, err := h.PatchRoom(t.Context(), v.ID, json.RawMessage(`{"room_access_code":null}`), rooms.WriteOptions{})
	wantCode(t, "patch", err, "forbidden")
	_, _, err = h.CreateRoom(t.Context(), json.RawMessage(`{"room_name":"n","room_type":"meet","moderator_access_code":"1"}`), rooms.WriteOptions{})
	wantCode(t, "create", err, "forbidden")
}

func TestTheSmallestLimitHolds(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	h := newHouse(t, options{limits: rooms.Limits{MaxParticipants: n(10), MaxHeight: n(1080)}})
	sub := h.subscription(`{"name":"s","limits":{"max_participants":5,"max_bitrate_bps":7}}`)
	v := h.room(rooms.Live, `"limits":{"max_participants":8,"max_height":720},"subscription_id":"`+sub.ID+`"`)
	got, err := json.Marshal(v.Settings)
	if err != nil {
		t.Fatal(err)
	}
	var settings struct {
		Limits  map[string]int64  `json:"limits"`
		Sources map[string]string `json:"limit_sources"`
	}
	if err := json.Unmarshal(got, &settings); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(settings.Limits, map[string]int64{"max_participants": 5, "max_height": 720, "max_bitrate_bps": 7}) ||
		!maps.Equal(settings.Sources, map[string]string{"max_participants": "subscription", "max_height": "room", "max_bitrate_bps": "subscription"}) {
		t.Errorf("settings %s", got)
	}
}

func TestFeaturesResolve(t *testing.T) {
	h := newHouse(t)
	tests := map[rooms.Type]struct{ set, want string }{
		rooms.Meet: {
			`{"recording":true,"video_codec":"av1","participants_chat":false,"e2ee":true}`,
			`{"chat":true,"e2ee":false,"embed_origins":[],"mute_on_join":false,"participants_audio":true,"participants_chat":false,"participants_screen":true,"participants_video":true,"public":false,"recording":false,"video_codec":"vp8","waiting_room":false}`,
		},
		rooms.Live: {
			`{"reconnect_window_seconds":5,"transcode":[720],"offline_image":"x"}`,
			`{"chat":true,"dvr_window_seconds":7200,"embed_origins":[],"low_latency":true,"offline_image":"x","preview_before_live":false,"public":false,"reconnect_window_seconds":5,"recording":false,"slow_mode_seconds":0,"transcode":[720],"webrtc_playback":false}`,
		},
		rooms.Simulcast: {`{}`, `{"chat":true,"embed_origins":[],"offline_image":null,"preview_before_live":false,"public":false,"reconnect_window_seconds":60,"recording":false}`},
		rooms.Video:     {`{"download":true,"embed_origins":["https://a.example"]}`, `{"chat":true,"download":false,"embed_origins":["https://a.example"],"public":false,"transcode":"off"}`},
	}
	for room, tt := range tests {
		v := h.room(room, `"room_features":`+tt.set)
		got, err := json.Marshal(v.Settings.Features)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: features\n%s (%v), want\n%s", room, got, err, tt.want)
		}
		kept, err := json.Marshal(v.Features)
		if err != nil || !jsonEqual(t, string(kept), tt.set) {
			t.Errorf("%s: kept %s (%v), want %s", room, kept, err, tt.set)
		}
		if _, seen := v.Public().Features["embed_origins"]; seen {
			t.Errorf("%s: embed_origins are public", room)
		}
	}
}

func jsonEqual(t *testing.T, a, b string) bool {
	t.Helper()
	var va, vb map[string]any
	if err := json.Unmarshal([]byte(a), &va); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &vb); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(va) == fmt.Sprint(vb)
}

func TestListsStayPutWhileRoomsAreMade(t *testing.T) {
	h := newHouse(t)
	var want []string
	for range 7 {
		want = append(want, h.room(rooms.Meet, "").ID)
	}
	slices.Reverse(want)
	if !slices.IsSortedFunc(want, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Fatal("ids do not sort by time")
	}
	var got []string
	f := rooms.RoomFilter{Limit: 3}
	for {
		page, err := h.Rooms(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Items {
			got = append(got, v.ID)
		}
		h.room(rooms.Meet, "") // while somebody pages
		if f.Cursor = page.NextCursor; f.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages %v, want %v", got, want)
	}
	for _, f := range []rooms.RoomFilter{{Limit: 201}, {Limit: -1}, {Cursor: "x"}, {Type: "x"}, {Status: "x"}, {Q: strings.Repeat("x", 401)}} {
		_, err := h.Rooms(t.Context(), f)
		wantCode(t, fmt.Sprint(f), err, "validation_failed")
	}
	if page, err := h.Customers(t.Context(), 0, ""); err != nil || page.Items == nil || page.NextCursor != "" {
		t.Errorf("an empty list: %v %v", page, err)
	}
}

func TestRegenerateAndClear(t *testing.T) {
	h := newHouse(t)
	live, meet := h.room(rooms.Live, ""), h.room(rooms.Meet, "")
	if live.StreamKey == nil || live.BackupStreamKey != nil || live.SRTPassphrase != nil || meet.StreamKey != nil {
		t.Error("a new live room has a stream key and no other; a meet room has none")
	}
	for _, field := range []string{"moderator_token", "participant_token", "stream_key", "backup_stream_key", "srt_passphrase"} {
		v, err := h.Regenerate(t.Context(), live.ID, field, false)
		wantCode(t, field, err, "")
		if v.ETag() == live.ETag() {
			t.Errorf("%s: the ETag stayed", field)
		}
	}
	after := h.get(live.ID)
	if after.StreamKey.Equal(live.StreamKey.Reveal()) || after.ModeratorToken.Equal(live.ModeratorToken.Reveal()) || after.BackupStreamKey == nil {
		t.Error("secrets were not made anew")
	}
	_, err := h.ClearSecret(t.Context(), live.ID, "srt_passphrase")
	wantCode(t, "clear", err, "")
	if h.get(live.ID).SRTPassphrase != nil {
		t.Error("the passphrase is still there")
	}
	_, err = h.ClearSecret(t.Context(), live.ID, "stream_key")
	wantCode(t, "clear the stream key", err, "not_found")
	_, err = h.Regenerate(t.Context(), meet.ID, "stream_key", false)
	wantCode(t, "a meet room's stream key", err, "wrong_room_type")
	_, err = h.Regenerate(t.Context(), live.ID, "id", false)
	wantCode(t, "another field", err, "not_found")
	if got := len(h.seen(rooms.SecretChanged)); got != 6 {
		t.Errorf("%d secret changes were told, want 6", got)
	}
}

func TestRegistrySurvivesAReopen(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Simulcast, `"room_metadata":{"n":1.10},"starts_at":"2030-01-01T00:00:00Z"`)
	h.stop()
	again := reopen(t, h.dir).get(v.ID)
	if again.ETag() != v.ETag() || !again.StreamKey.Equal(v.StreamKey.Reveal()) || !again.StartsAt.Equal(*v.StartsAt) {
		t.Error("the room came back different")
	}
}

func TestAPullSourceMustLeadWhereTheServerMayGo(t *testing.T) {
	asked := []string{}
	h := newHouse(t, options{outgoing: func(_ context.Context, url string) error {
		asked = append(asked, url)
		if strings.Contains(url, "private") {
			return errors.New("camera is in a private network")
		}
		return nil
	}})
	v := h.room(rooms.Live, `"pull_source":{"url":"rtsp://camera/1"}`)
	for what, patch := range map[string]string{"address_not_allowed": `{"pull_source":{"url":"rtsp://user:pass@private/1"}}`, "validation_failed": `{"pull_source":{"url":"rtsp://private/1"},"room_name":null}`} {
		_, err := h.PatchRoom(t.Context(), v.ID, json.RawMessage(patch), full)
		wantCode(t, patch, err, what)
		if what == "address_not_allowed" {
			if f := errorOf(t, err).Faults; len(f) != 1 || f[0].Pointer != "/pull_source/url" || strings.Contains(err.Error(), "pass") {
				t.Errorf("faults %+v", f)
			}
		}
	}
	_, _, err := h.CreateRoom(t.Context(), json.RawMessage(`{"room_name":"x","room_type":"live","pull_source":{"url":"rtsp://private/1"}}`), full)
	wantCode(t, "create", err, "address_not_allowed")
	h.patch(v.ID, `{"pull_source":{"transport":"udp"}}`)
	h.patch(v.ID, `{"pull_source":null}`)
	if len(asked) != 4 {
		t.Errorf("asked of %q", asked)
	}
}
