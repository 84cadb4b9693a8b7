package api

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"roomcast/rooms"
	"roomcast/secret"
)

// maxCredential bounds a Bearer credential: our sessions are below 1 KiB, keys far below.
const maxCredential = 4096

// csrfHeader carries the CSRF token with every change made by cookie.
const csrfHeader = "X-CSRF-Token"

// caller is who a request turned out to come from.
type caller struct {
	admin   bool         // An API key or the admin cookie.
	cookie  bool         // The admin cookie.
	keyID   string       // Whose key, also behind the cookie.
	secrets bool         // Has the scope rooms:secrets.
	grant   rooms.Grant  // Of a session.
	session secret.Text  // The session itself; behind the cookie, the login's token.
	login   adminSession // Of the cookie.
}

// authenticate finds out who calls and whether the call takes them.
func (v *visit) authenticate() error {
	if v.call.access == open {
		return nil
	}
	bearer, present, err := Bearer(v.r)
	switch {
	case err != nil:
		return err
	case v.call.access == byCookie:
		return v.byCookie()
	case v.call.access == bySession:
		if !present {
			return &rooms.Error{Code: rooms.CodeSessionInvalid, Detail: "send the session as Authorization: Bearer"}
		}
		v.caller.session = bearer
		return nil
	case !present:
		return v.byCookie()
	case IsSession(bearer):
		return v.bySession(bearer)
	default:
		return v.byAPIKey(bearer)
	}
}

// Bearer reads a request's Authorization header; present is false when there is none.
func Bearer(r *http.Request) (credential secret.Text, present bool, err error) {
	header := r.Header.Values("Authorization")
	if len(header) == 0 {
		return secret.Text{}, false, nil
	}
	scheme, text, _ := strings.Cut(header[0], " ")
	text = strings.TrimSpace(text)
	if len(header) > 1 || !strings.EqualFold(scheme, "Bearer") || text == "" || len(text) > maxCredential {
		return secret.Text{}, false, &rooms.Error{Code: rooms.CodeUnauthorized, Detail: "send the credential as Authorization: Bearer"}
	}
	return secret.New(text), true, nil
}

// IsSession tells a session (a JWT: three parts, the first a JSON object in base64) from an API key or a stream key.
func IsSession(credential secret.Text) bool {
	s := credential.Reveal()
	return strings.HasPrefix(s, "ey") && strings.Count(s, ".") == 2
}

func (v *visit) byAPIKey(presented secret.Text) error {
	now := time.Now()
	if wait := v.api.wrongKeys.wait(v.info.Address, now); wait > 0 {
		return &rooms.Error{Code: rooms.CodeTooManyAttempts, Detail: "too many wrong API keys from this address", RetryAfter: wait}
	}
	key, err := v.api.options.Keys.Check(v.context(), presented)
	if err != nil {
		if rooms.CodeOf(err) == rooms.CodeUnauthorized {
			v.api.wrongKeys.failed(v.info.Address, now)
			return &rooms.Error{Code: rooms.CodeUnauthorized, Detail: "the API key is not valid"}
		}
		return err
	}
	return v.admit(key)
}

// byCookie takes the admin pages' cookie: from our own origin only, and with the CSRF token for every change.
func (v *visit) byCookie() error {
	cookie, err := v.r.Cookie(adminCookieName(v.info.Secure()))
	if err != nil || cookie.Value == "" || len(cookie.Value) > maxCredential {
		return &rooms.Error{Code: rooms.CodeUnauthorized, Detail: "send an API key as Authorization: Bearer, or log in"}
	}
	v.caller.cookie = true
	if err := v.sameOrigin(); err != nil {
		return err
	}
	token := secret.New(cookie.Value)
	login, key, err := v.api.logins.find(v.context(), token, time.Now())
	if err != nil {
		return err
	}
	if changes(v.r.Method) && !csrfToken(token).Equal(v.r.Header.Get(csrfHeader)) {
		return &rooms.Error{Code: rooms.CodeForbidden, Detail: "the header " + csrfHeader + " must carry the login's csrf_token"}
	}
	v.caller.login, v.caller.session = login, token
	return v.admit(key)
}

// bySession takes a participant's session where the call allows one, for its own room only.
func (v *visit) bySession(session secret.Text) error {
	grant, err := v.api.options.Door.Session(v.context(), session)
	if v.call.access != byModerator && v.call.access != byParticipant {
		if err != nil {
			return &rooms.Error{Code: rooms.CodeUnauthorized, Detail: "the API key is not valid"}
		}
		return &rooms.Error{Code: rooms.CodeForbidden, Detail: "a session cannot do this; use an API key"}
	}
	switch {
	case err != nil:
		return err
	case grant.RoomID != v.path("id"):
		return &rooms.Error{Code: rooms.CodeForbidden, Detail: "the session is another room's"}
	case v.call.access == byModerator && grant.Role != rooms.Moderator:
		return &rooms.Error{Code: rooms.CodeForbidden, Detail: "only moderators can do this"}
	}
	v.caller.grant, v.caller.session = grant, session
	return nil
}

// admit takes a key, if it has the scope that the call needs.
func (v *visit) admit(key rooms.Key) error {
	v.caller.admin, v.caller.keyID, v.caller.secrets = true, key.ID, key.Has(rooms.ScopeSecrets)
	if v.call.scope != "" && !key.Has(v.call.scope) {
		return &rooms.Error{Code: rooms.CodeForbidden, Detail: "this needs the scope " + v.call.scope}
	}
	return nil
}

// changes reports whether a method may change something.
func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// sameOrigin refuses what another origin's page has sent. Browsers say where a request comes from by Origin, or by
// Sec-Fetch-Site; programs say neither, and hold no cookie they did not mean to send.
func (v *visit) sameOrigin() error {
	refusal := &rooms.Error{Code: rooms.CodeOriginNotAllowed, Detail: "only this server's own pages may do this; other programs use an API key"}
	switch v.r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return refusal
	}
	origin := v.r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	from, err := url.Parse(origin)
	if err != nil || from.Host == "" {
		return refusal
	}
	if sameHost(from, v.info.Host) {
		return nil
	}
	if public := v.api.options.PublicURL; public != nil && sameHost(from, public.Host) {
		return nil
	}
	return refusal
}

// sameHost compares an origin with a host; a port that is the scheme's own may be left out.
func sameHost(origin *url.URL, host string) bool {
	own := ":80"
	if origin.Scheme == "https" {
		own = ":443"
	}
	return strings.EqualFold(strings.TrimSuffix(origin.Host, own), strings.TrimSuffix(host, own))
}
