package api

import (
	"net/http"
	"time"

	"roomcast/rooms"
)

// adminCookieName: over HTTPS browsers enforce what the prefix promises (Secure, the whole host, no Domain).
func adminCookieName(secure bool) string {
	if secure {
		return "__Host-roomcast_admin"
	}
	return "roomcast_admin"
}

// AdminLogin is the body of a login.
type AdminLogin struct {
	Key string `json:"key" writeOnly:"true" doc:"The admin key"`
}

// AdminSession is what the admin pages know of their login.
type AdminSession struct {
	CSRFToken string    `json:"csrf_token" doc:"Send it as X-CSRF-Token with every change"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *Service) adminCalls() []*call {
	return []*call{
		{
			id: "create-admin-session", method: http.MethodPost, path: "/api/v1/admin/session", tag: tagAdmin,
			summary: "Log in to the admin pages", access: open, sameOrigin: true,
			description: "Answers with an HttpOnly cookie for 12 hours. Ten wrong keys in five minutes from one address, then 429.",
			body:        AdminLogin{}, status: http.StatusOK, answer: AdminSession{},
			codes: []string{rooms.CodeUnauthorized, rooms.CodeOriginNotAllowed, rooms.CodeTooManyAttempts}, handle: createAdminSession,
		},
		{
			id: "get-admin-session", method: http.MethodGet, path: "/api/v1/admin/session", tag: tagAdmin,
			summary: "The login's CSRF token and end", access: byCookie, sameOrigin: true,
			status: http.StatusOK, answer: AdminSession{}, handle: func(v *visit) (reply, error) {
				return reply{body: AdminSession{CSRFToken: csrfToken(v.caller.session).Reveal(), ExpiresAt: v.caller.login.ExpiresAt}}, nil
			},
		},
		{
			id: "delete-admin-session", method: http.MethodDelete, path: "/api/v1/admin/session", tag: tagAdmin,
			summary: "Log out", access: byCookie, sameOrigin: true, status: http.StatusNoContent, handle: deleteAdminSession,
		},
	}
}

func createAdminSession(v *visit) (reply, error) {
	if err := v.sameOrigin(); err != nil {
		return reply{}, err
	}
	f := readFields(v.body)
	presented, given := f.hidden("key", maxCredential)
	if !given && len(f.faults) == 0 {
		f.fault("/key", "is required")
	}
	if err := f.done(); err != nil {
		return reply{}, err
	}
	// One after the other: many at once would all pass before the first wrong one counts.
	v.api.loginTurn.Lock()
	defer v.api.loginTurn.Unlock()
	now := time.Now()
	if wait := v.api.wrongLogins.wait(v.info.Address, now); wait > 0 {
		return reply{}, &rooms.Error{Code: rooms.CodeTooManyAttempts, Detail: "too many wrong keys from this address", RetryAfter: wait}
	}
	if _, err := v.api.options.Keys.Check(v.context(), presented); err != nil {
		if rooms.CodeOf(err) != rooms.CodeUnauthorized {
			return reply{}, err
		}
		v.api.wrongLogins.failed(v.info.Address, now)
		return reply{}, &rooms.Error{Code: rooms.CodeUnauthorized, Detail: "the key is not valid"}
	}
	token, session, err := v.api.logins.open(v.context(), rooms.SumOf(presented), now)
	if err != nil {
		return reply{}, err
	}
	v.setAdminCookie(token.Reveal(), int(loginLife/time.Second))
	return reply{body: AdminSession{CSRFToken: csrfToken(token).Reveal(), ExpiresAt: session.ExpiresAt}}, nil
}

func deleteAdminSession(v *visit) (reply, error) {
	if err := v.api.logins.close(v.context(), v.caller.login); err != nil {
		return reply{}, err
	}
	v.setAdminCookie("", -1)
	return reply{}, nil
}

func (v *visit) setAdminCookie(value string, maxAge int) {
	http.SetCookie(v.w, &http.Cookie{ //nolint:gosec // Secure follows the scheme: plain HTTP must work on localhost
		Name: adminCookieName(v.info.Secure()), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: v.info.Secure(), SameSite: http.SameSiteStrictMode,
	})
}
