package acceptance

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"roomcast/test/harness"
)

// canaries are secrets that must never be seen where others look, by what they are.
type canaries map[string]string

// add remembers a secret; an empty one is a mistake of the test.
func (c canaries) add(t *testing.T, what, secret string) {
	t.Helper()
	if len(secret) < 8 {
		t.Fatalf("%s is %q: too short to be looked for", what, secret)
	}
	c[what] = secret
}

// in names the secrets that stand in the text, as they are or encoded.
func (c canaries) in(text string) []string {
	var found []string
	for what, secret := range c {
		for _, form := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), fmt.Sprintf("%x", secret),
			strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="),
			base64.RawURLEncoding.EncodeToString([]byte(secret)),
		} {
			if at := strings.Index(text, form); at >= 0 {
				found = append(found, fmt.Sprintf("%s in …%.240s", what, text[max(0, at-120):]))
				break
			}
		}
	}
	return found
}

// scene is a server whose every secret is a canary, and what strangers saw of it.
type scene struct {
	*harness.Server
	t       *testing.T
	secrets canaries
	errors  strings.Builder
}

// call makes a request and keeps what a refusal says.
func (s *scene) call(c harness.Client, method, path string, body any) harness.Answer {
	s.t.Helper()
	answer := c.Do(s.t, method, path, body)
	if answer.Status >= 400 {
		fmt.Fprintf(&s.errors, "%d %v %s\n", answer.Status, answer.Header, answer.Body)
	}
	return answer
}

func TestNoSecretIsSeenAnywhere(t *testing.T) {
	const planted = "planted-canary-7f3a9"
	dir := filepath.Join(t.TempDir(), planted)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const adminKey = "canary-admin-key-5d1c0b7e"
	s := &scene{t: t, secrets: canaries{}, Server: harness.Start(t, harness.Options{Dir: dir, AdminKey: adminKey})}
	s.secrets.add(t, "the admin key", adminKey)

	// The checker first finds what was planted: in an error, in the output, on a
	// command line, in the metrics' text.
	plant := canaries{"the planted one": planted}
	refusal := s.API().Do(t, http.MethodPost, "/api/v1/rooms", harness.Fields{planted: 1})
	second := s.Command("serve", "--data-dir", dir, "--log-level", "debug")
	second.Env = append(second.Env, "ROOMCAST_HTTP_ADDRESS=127.0.0.1:0")
	said, _ := second.CombinedOutput() // it is told that the directory is in use
	for where, text := range map[string]string{
		"an error": string(refusal.Body), "the output": string(said), "a command line": strings.Join(second.Args, " "),
		"the metrics, encoded": s.Scrape() + url.QueryEscape(planted),
	} {
		if len(plant.in(text)) != 1 {
			t.Fatalf("the checker does not find the planted canary in %s: %.400s", where, text)
		}
	}

	meet, live := s.rooms()
	s.door(meet)
	s.admin(adminKey)
	s.signaling(meet)
	s.broadcast(live)
	s.misuse(meet, live)
	t.Logf("%d secrets in use", len(s.secrets))
	look := func(where, text string) {
		for _, found := range s.secrets.in(text) {
			t.Errorf("%s: %s", where, found)
		}
	}
	look("the metrics", s.Scrape())
	for _, line := range s.CommandLines() {
		look("a command line", line)
	}
	look("what a refusal says", s.errors.String())
	s.Stop()
	look("the output", s.Out.String())
	for name, content := range files(t, dir) {
		if strings.Contains(string(content), adminKey) {
			t.Errorf("%s holds the admin key itself", name)
		}
	}
}

// rooms makes rooms with a canary wherever a secret may be set, and remembers
// those that the server makes.
func (s *scene) rooms() (meet, live harness.Room) {
	t := s.t
	for what, code := range map[string]string{
		"the room code": "canary-room-code-1", "the participants' code": "canary-participant-code-2", "the moderator's code": "canary-moderator-code-3",
		"the pull source's password": "canary-pull-password-4",
	} {
		s.secrets.add(t, what, code)
	}
	all := harness.Fields{
		"room_access_code":        s.secrets["the room code"],
		"participant_access_code": s.secrets["the participants' code"],
		"moderator_access_code":   s.secrets["the moderator's code"],
	}
	meet = s.CreateRoom(t, "meet", all)
	all["pull_source"] = harness.Fields{"url": "rtsp://camera:" + s.secrets["the pull source's password"] + "@192.0.2.1/main", "transport": "tcp"}
	live = s.CreateRoom(t, "live", all)
	path := "/api/v1/rooms/" + live.ID
	s.API().Want(t, http.MethodPost, path+"/backup_stream_key/regenerate", nil, 200, nil)
	s.API().Want(t, http.MethodPost, path+"/srt_passphrase/regenerate", nil, 200, &live)
	for what, secret := range map[string]string{
		"the meeting's moderator token": meet.ModeratorToken, "the meeting's participant token": meet.ParticipantToken,
		"the broadcast's moderator token": live.ModeratorToken, "the broadcast's participant token": live.ParticipantToken,
		"the stream key": *live.StreamKey, "the backup stream key": *live.BackupStreamKey, "the SRT passphrase": *live.SRTPassphrase,
	} {
		s.secrets.add(t, what, secret)
	}
	if strings.Contains(fmt.Sprint(live.PullSource), s.secrets["the pull source's password"]) {
		t.Error("pull_source shows its password")
	}
	// Changes that are refused, too, are about secrets.
	s.call(s.API(), http.MethodPatch, "/api/v1/rooms/"+meet.ID, harness.Fields{"room_access_code": meet.ModeratorAccessCode})
	s.call(s.API(), http.MethodPatch, "/api/v1/rooms/"+meet.ID, harness.Fields{"room_access_code": *meet.RoomAccessCode + "\n"})
	s.call(s.API(), http.MethodPatch, "/api/v1/rooms/"+meet.ID, harness.Fields{"moderator_token": meet.ModeratorToken})
	s.call(s.API(), http.MethodPatch, "/api/v1/rooms/"+live.ID, harness.Fields{"pull_source": harness.Fields{"url": "http://camera:" + s.secrets["the pull source's password"] + "@192.0.2.1 x"}})
	s.call(s.API(), http.MethodPatch, "/api/v1/rooms/"+live.ID, harness.Raw(`{"stream_key": "`+*live.StreamKey+`"`))
	return meet, live
}

// door joins by every way, rightly and wrongly.
func (s *scene) door(meet harness.Room) {
	t := s.t
	var minted struct{ ID, Token, URL string }
	s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+meet.ID+"/join_tokens", harness.Fields{"name": "Grace", "role": "participant"}, 201, &minted)
	s.secrets.add(t, "a minted token", minted.Token)
	s.call(s.Stranger(), http.MethodPost, "/api/v1/join", harness.Fields{"token": minted.Token})
	s.secrets.add(t, "a mistyped code", "canary-mistyped-code-5")
	s.secrets.add(t, "a mistyped token", "canary-mistyped-token-6")
	for door, code := range map[string]string{meet.ModeratorToken: *meet.ModeratorAccessCode, meet.ParticipantToken: *meet.ParticipantAccessCode} {
		s.call(s.Stranger(), http.MethodPost, "/api/v1/door", harness.Fields{"token": door})
		s.call(s.Stranger(), http.MethodPost, "/api/v1/join", harness.Fields{"token": door, "name": "Ada"})
		s.call(s.Stranger(), http.MethodPost, "/api/v1/join", harness.Fields{"token": door, "name": "Ada", "access_code": "canary-mistyped-code-5"})
		s.call(s.Stranger(), http.MethodPost, "/api/v1/join", harness.Fields{"room_id": meet.ID, "name": "Ada", "access_code": code})
		s.call(s.Stranger(), http.MethodPost, "/api/v1/join", harness.Fields{"token": door, "name": "A\x00", "access_code": code, "session": "x"})
		s.call(s.Stranger(), http.MethodPost, "/api/v1/join", harness.Raw(`{"token": "`+door+`", "access_code": "`+code+`" "`))
		s.call(s.Stranger(), http.MethodPost, "/api/v1/join", harness.Raw(`{"token": ["`+door+`"], "access_code": {"`+code+`": 1}}`))
	}
	s.call(s.Stranger(), http.MethodPost, "/api/v1/door", harness.Fields{"token": "canary-mistyped-token-6"})
	s.call(s.Stranger(), http.MethodPost, "/api/v1/join", harness.Fields{"token": "canary-mistyped-token-6", "name": "Ada"})

	body := harness.Fields{"token": meet.ParticipantToken, "name": "Ada", "access_code": *meet.ParticipantAccessCode}
	answer := s.Stranger().Want(t, http.MethodPost, "/api/v1/join", body, 200, nil)
	var joined, renewed harness.Joined
	answer.Into(t, &joined)
	for _, cookie := range (&http.Response{Header: answer.Header}).Cookies() {
		s.secrets.add(t, "the device cookie", cookie.Value)
	}
	s.secrets.add(t, "a session", joined.Session)
	s.Stranger().Bearer(joined.Session).Want(t, http.MethodPost, "/api/v1/session/refresh", nil, 200, &renewed)
	s.secrets.add(t, "a renewed session", renewed.Session)
	s.call(s.Stranger().Bearer(forge(joined.Session)), http.MethodGet, "/api/v1/session", nil)
	s.call(s.Stranger().Bearer(renewed.Session), http.MethodPost, "/api/v1/rooms/"+meet.ID+"/lock", nil)
	s.call(s.Stranger().Bearer(renewed.Session), http.MethodGet, "/api/v1/rooms", nil)
}

// admin logs in with the key, rightly and wrongly.
func (s *scene) admin(key string) {
	t := s.t
	s.secrets.add(t, "a wrong admin key", "canary-wrong-admin-key-7")
	answer := s.Stranger().Want(t, http.MethodPost, "/api/v1/admin/session", harness.Fields{"key": key}, 200, nil)
	var login struct {
		CSRF string `json:"csrf_token"`
	}
	answer.Into(t, &login)
	s.secrets.add(t, "the CSRF token", login.CSRF)
	var cookie string
	for _, c := range (&http.Response{Header: answer.Header}).Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
			t.Errorf("the admin cookie is not HttpOnly and SameSite=Strict: %v", answer.Header["Set-Cookie"])
		}
		s.secrets.add(t, "the admin cookie", c.Value)
		cookie = c.Name + "=" + c.Value
	}
	browser := s.Stranger().With("Cookie", cookie)
	browser.Want(t, http.MethodGet, "/api/v1/rooms", nil, 200, nil)
	create := harness.Fields{"room_name": "by the pages", "room_type": "meet"}
	s.call(browser, http.MethodPost, "/api/v1/rooms", create) // no CSRF token
	s.call(browser.With("X-CSRF-Token", forge(login.CSRF)), http.MethodPost, "/api/v1/rooms", create)
	foreign := browser.With("X-CSRF-Token", login.CSRF).With("Origin", "https://elsewhere.example")
	if got := s.call(foreign, http.MethodPost, "/api/v1/rooms", create); got.Code() != "origin_not_allowed" {
		t.Errorf("a cookie call from elsewhere: %d %s", got.Status, got.Body)
	}
	browser.With("X-CSRF-Token", login.CSRF).With("Origin", s.URL("")).Want(t, http.MethodPost, "/api/v1/rooms", create, 201, nil)
	s.call(s.Stranger(), http.MethodPost, "/api/v1/admin/session", harness.Fields{"key": "canary-wrong-admin-key-7"})
	s.call(s.Stranger().Bearer("canary-wrong-admin-key-7"), http.MethodGet, "/api/v1/rooms", nil)
	browser.With("X-CSRF-Token", login.CSRF).Want(t, http.MethodDelete, "/api/v1/admin/session", nil, 204, nil)
	s.call(browser, http.MethodGet, "/api/v1/rooms", nil)
}

// signaling opens sockets with right, wrong and ended sessions.
func (s *scene) signaling(meet harness.Room) {
	t := s.t
	joined := s.Join(t, harness.Fields{"token": meet.ParticipantToken, "name": "Sig", "access_code": *meet.ParticipantAccessCode})
	s.secrets.add(t, "a session on a socket", joined.Session)
	socket, welcome := s.Hello(t, joined.Session)
	if resume, _ := welcome["resume"].(string); resume != "" {
		s.secrets.add(t, "the resume token", resume)
	}
	socket.Send(harness.Message{"type": "chat", "id": "1", "text": "good morning", "session": joined.Session})
	fmt.Fprintf(&s.errors, "%v\n", socket.Await("error"))
	socket.Send(harness.Message{"type": "leave"})
	socket.Ended(10 * time.Second)
	for _, wrong := range []string{joined.Session, forge(joined.Session), *meet.ModeratorAccessCode} {
		bad := s.Dial(t, nil)
		bad.Send(harness.Message{"type": "hello", "session": wrong})
		_, last := bad.Ended(10 * time.Second)
		fmt.Fprintf(&s.errors, "%v\n", last)
	}
}

// broadcast publishes and plays, rightly and wrongly.
func (s *scene) broadcast(live harness.Room) {
	t := s.t
	s.secrets.add(t, "a mistyped stream key", "canary-mistyped-stream-key-8")
	s.secrets.add(t, "a mistyped passphrase", "canary-mistyped-passphrase-9")
	srt := "srt://" + s.SRT + "?streamid=publish:"
	for _, url := range []string{
		live.IngestURLs["rtmp"].URL, srt + "canary-mistyped-stream-key-8",
		srt + *live.StreamKey, srt + *live.StreamKey + "&passphrase=canary-mistyped-passphrase-9",
	} {
		wrong := harness.Publish(t, url, "canary-mistyped-stream-key-8", harness.Picture{Size: "320x180"})
		select {
		case <-wrong.Done():
		case <-time.After(15 * time.Second):
			t.Fatal("a publisher with a wrong key or passphrase goes on")
		}
	}
	publisher := s.Publish(t, live, harness.Picture{Size: "320x180"})
	awaitState(t, s.Server, live.ID, "live", 15*time.Second)
	viewer := s.Join(t, harness.Fields{"token": live.ParticipantToken, "access_code": *live.ParticipantAccessCode})
	s.secrets.add(t, "a viewer's session", viewer.Session)
	ticket := strings.Split(viewer.Endpoints["hls"], "/")[5]
	s.secrets.add(t, "a ticket", ticket)
	for _, url := range []string{viewer.Endpoints["rtmp"], viewer.Endpoints["rtsp"], "srt://" + s.SRT + "?streamid=play:" + ticket} {
		if played := harness.Play(t, url, time.Second); played.Frames == 0 {
			t.Errorf("nothing to see\n%s", played.Log)
		}
	}
	if pulled := s.Pull(t, viewer, time.Second); pulled.Frames == 0 {
		t.Errorf("nothing is seen:\n%s", pulled.Log)
	}
	s.call(s.Stranger(), http.MethodGet, strings.Replace(viewer.Endpoints["hls"], ticket, forge(ticket), 1), nil)
	s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+live.ID+"/participants/"+viewer.ParticipantID, nil, 204, nil)
	s.call(s.Stranger(), http.MethodGet, viewer.Endpoints["hls"], nil)
	s.call(s.Stranger().Bearer(viewer.Session), http.MethodGet, "/api/v1/session", nil)
	for _, line := range s.CommandLines() {
		for _, found := range s.secrets.in(line) {
			t.Errorf("a command line while live: %s", found)
		}
	}
	publisher.Stop()
}

// misuse puts secrets where they do not belong: paths, queries, headers.
func (s *scene) misuse(meet, live harness.Room) {
	t := s.t
	for _, path := range []string{
		"/join/" + meet.ModeratorToken, "/join/" + meet.ParticipantToken + "?code=" + *meet.ParticipantAccessCode, "/rooms/" + meet.ID + "?code=" + *meet.RoomAccessCode,
		"/embed/" + live.ID + "?token=" + live.ParticipantToken, "/join/" + meet.ModeratorToken + "/more",
	} {
		page := s.call(s.Stranger(), http.MethodGet, path, nil)
		if got := page.Header.Get("Referrer-Policy"); page.Status == 200 && got != "no-referrer" && !strings.HasPrefix(path, "/embed/") {
			t.Errorf("%s is answered with Referrer-Policy %q", strings.Split(path, "?")[0], got)
		}
		for _, found := range s.secrets.in(string(page.Body)) {
			t.Errorf("a page's HTML: %s", found)
		}
	}
	for _, path := range []string{
		"/api/v1/rooms/" + meet.ModeratorToken, "/api/v1/" + *live.StreamKey, "/live/" + *live.StreamKey, "/" + s.secrets["the admin key"],
		"/api/v1/rooms?q=x&key=" + s.secrets["the admin key"], "/api/v1/session?session=" + s.secrets["a session"], "/hls/" + live.ID + "/" + *live.StreamKey + "/index.m3u8",
		"/ws?session=" + s.secrets["a session"],
	} {
		s.call(s.Stranger(), http.MethodGet, path, nil)
	}
	odd := s.Stranger().With("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("admin:"+s.secrets["the admin key"])))
	s.call(odd.With("Referer", meet.ModeratorURL).With("User-Agent", meet.ModeratorURL), http.MethodGet, "/api/v1/rooms", nil)
}
