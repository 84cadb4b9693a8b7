package api_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"roomcast/rooms"
)

// asset stores a recording with a file of some bytes.
func (h *house) asset(dir, room string, state rooms.AssetState, body string) rooms.Asset {
	h.t.Helper()
	a, err := h.registry.NewAsset(h.t.Context(), rooms.Asset{
		RoomID: room, Kind: rooms.AssetRecording, State: state, Title: "Recording", Size: int64(len(body)),
		Duration: 1500 * time.Millisecond, StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	path := filepath.Join(dir, "rooms", room, "assets", a.ID+".mp4")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return a
}

func TestRecordingsAreListedFetchedAndDeleted(t *testing.T) {
	dir := t.TempDir()
	h := openHouse(t, dir, adminKey, nil)
	room := h.room(`{"room_name":"x","room_type":"live"}`)
	path := "/api/v1/rooms/" + room.str("id") + "/recordings"
	if a := h.must(200, "GET", path, ""); len(a.items()) != 0 || !strings.Contains(a.text, `"items":[]`) {
		t.Errorf("%s", a.text)
	}
	ready := h.asset(dir, room.str("id"), rooms.AssetReady, "0123456789")
	growing := h.asset(dir, room.str("id"), rooms.AssetInMaking, "01")
	list := h.must(200, "GET", path+"?limit=1", "")
	if items := list.items(); len(items) != 1 || items[0]["id"] != growing.ID || items[0]["download_url"] != nil || items[0]["state"] != "recording" || list.str("next_cursor") == "" {
		t.Fatalf("%s", list.text)
	}
	one := h.must(200, "GET", path+"/"+ready.ID, "")
	url := one.str("download_url")
	want := `{"id":"` + ready.ID + `","room_id":"` + room.str("id") + `","kind":"recording","title":"Recording","state":"ready","started_at":"2026-01-02T03:04:05Z",` +
		`"duration_seconds":1.5,"size_bytes":10,"download_url":"` + url + `","error":null}` + "\n"
	if one.text != want || !strings.HasPrefix(url, "http://example.com/recordings/"+room.str("id")+"/") {
		t.Errorf("%s\nwant %s", one.text, want)
	}
	if a := h.admin("GET", path+"/"+ready.ID, "", "If-None-Match", one.header.Get("Etag")); a.status != 304 {
		t.Errorf("If-None-Match: %d", a.status)
	}
	file := strings.TrimPrefix(url, "http://example.com")
	a := h.ask("GET", file, "")
	if a.status != 200 || a.text != "0123456789" || a.header.Get("Content-Disposition") != `attachment; filename="recording-2026-01-02-030405.mp4"` ||
		a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Content-Type") != "video/mp4" || a.header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("%d %v %s", a.status, a.header, a.text)
	}
	if a := h.ask("GET", file, "", "Range", "bytes=2-3"); a.status != 206 || a.text != "23" || a.header.Get("Content-Range") != "bytes 2-3/10" {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := h.ask("HEAD", file, ""); a.status != 200 || a.header.Get("Content-Length") != "10" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
	other := h.room(`{"room_name":"y","room_type":"live"}`)
	h.expect(h.ask("GET", strings.Replace(file, room.str("id"), other.str("id"), 1), ""), 404, "not_found")
	h.expect(h.ask("GET", "/recordings/"+room.str("id")+"/forged/recording.mp4", ""), 404, "not_found")

	h.expect(h.admin("DELETE", path+"/"+growing.ID, ""), 409, "in_use")
	h.must(204, "DELETE", path+"/"+ready.ID, "")
	h.expect(h.ask("GET", file, ""), 404, "not_found")
	h.expect(h.admin("GET", path+"/"+ready.ID, ""), 404, "not_found")
	if strings.Contains(h.log.String(), strings.Split(file, "/")[3]) {
		t.Error("the ticket is in the log")
	}
}

func TestModeratorsHaveTheRecordingsOfTheirRoom(t *testing.T) {
	dir := t.TempDir()
	h := openHouse(t, dir, adminKey, nil)
	room, other := h.room(`{"room_name":"x","room_type":"live"}`), h.room(`{"room_name":"y","room_type":"live"}`)
	ready := h.asset(dir, room.str("id"), rooms.AssetReady, "0123456789")
	path := "/api/v1/rooms/" + room.str("id")
	bearer := func(token string) []string {
		return []string{"Authorization", "Bearer " + h.join(token, `,"name":"Ada"`).str("session")}
	}
	moderator := bearer(room.str("moderator_token"))
	a := h.ask("GET", path+"/recordings/"+ready.ID, "", moderator...)
	file := strings.TrimPrefix(a.str("download_url"), "http://example.com")
	if a := h.ask("GET", file, ""); a.status != 200 || a.text != "0123456789" {
		t.Errorf("%d %s", a.status, a.text)
	}
	for who, headers := range map[string][]string{
		"a participant": bearer(room.str("participant_token")), "another room's moderator": bearer(other.str("moderator_token")),
	} {
		for _, call := range []string{"GET /recordings", "GET /recordings/" + ready.ID, "DELETE /recordings/" + ready.ID, "POST /clips"} {
			method, rest, _ := strings.Cut(call, " ")
			if a := h.ask(method, path+rest, "", headers...); a.status != 403 || a.code() != "forbidden" {
				t.Errorf("%s: %s: %d %s", who, call, a.status, a.text)
			}
		}
	}
	h.expect(h.ask("GET", path+"/recordings", ""), 401, "unauthorized")
	h.expect(h.ask("POST", path+"/clips", "", moderator...), 409, "not_ready")
	// A moderator who has left fetches nothing any more.
	if a := h.ask("DELETE", "/api/v1/session", "", moderator...); a.status != 204 {
		t.Fatalf("leave: %d", a.status)
	}
	h.expect(h.ask("GET", file, ""), 401, "session_invalid")
}
