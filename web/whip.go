package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"roomcast/ingest/whip"
	"roomcast/rooms"
	"roomcast/secret"
	"roomcast/web/api"
	"roomcast/web/problem"
	"roomcast/web/request"
)

// WHIP is what the WHIP routes need of whip.Server. Refusals are *rooms.Error.
type WHIP interface {
	// Publish answers an offer with a new resource.
	Publish(ctx context.Context, o whip.Offer) (whip.Answer, error)
	// Patch takes candidates, or restarts ICE, which has an answer.
	Patch(ctx context.Context, c whip.Change) (whip.Answer, error)
	// Delete ends a resource.
	Delete(ctx context.Context, c whip.Change) error
}

// Sessions is what the WHIP routes need of rooms.Door.
type Sessions interface {
	Session(ctx context.Context, session secret.Text) (rooms.Grant, error)
}

const (
	whipPrefix   = "/whip/"
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
	// maxOffer bounds an SDP body: Chromium's offer of camera and microphone has some 6 KB.
	maxOffer = 64 << 10
)

// whipRoutes is the HTTP side of WHIP (RFC 9725).
type whipRoutes struct {
	server   WHIP
	sessions Sessions
	public   *url.URL
	iceLinks []string // values of Link
	log      *slog.Logger
}

func (h *whipRoutes) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /whip/{room}", h.handle(h.publish))
	mux.HandleFunc("PATCH /whip/{room}/{resource}", h.handle(h.patch))
	mux.HandleFunc("DELETE /whip/{room}/{resource}", h.handle(h.remove))
}

// handle answers what a route refuses, and lets pages of other origins read the answer.
func (h *whipRoutes) handle(serve func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		allowAllOrigins(w)
		w.Header().Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Patch, Retry-After, X-Request-Id")
		w.Header().Set("Cache-Control", "no-store")
		err := serve(w, r)
		if err == nil {
			return
		}
		if ours := problem.Write(w, r, err); ours != nil {
			h.log.Error("a WHIP request failed", "request_id", request.From(r.Context()).ID, "error", ours.Error())
		}
	}
}

func (h *whipRoutes) publish(w http.ResponseWriter, r *http.Request) error {
	credential, err := h.credential(r)
	if err != nil {
		return err
	}
	body, err := readSDP(w, r, typeSDP)
	if err != nil {
		return err
	}
	room := r.PathValue("room")
	answer, err := h.server.Publish(r.Context(), whip.Offer{
		RoomID: room, Credential: credential, Caller: rooms.Caller{Address: request.From(r.Context()).Address}, SDP: body,
	})
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Location", h.base(r)+whipPrefix+room+"/"+answer.Resource)
	header.Set("ETag", answer.ETag)
	header.Set("Accept-Patch", typeFragment)
	for _, link := range h.iceLinks {
		header.Add("Link", link)
	}
	header.Set("Content-Type", typeSDP)
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer.Body) // The publisher may have gone; its resource then ends by itself.
	return nil
}

func (h *whipRoutes) patch(w http.ResponseWriter, r *http.Request) error {
	change, err := h.change(r)
	if err != nil {
		return err
	}
	if change.Fragment, err = readSDP(w, r, typeFragment); err != nil {
		return err
	}
	change.IfMatch = strings.Join(r.Header.Values("If-Match"), ",")
	answer, err := h.server.Patch(r.Context(), change)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", answer.ETag)
	if answer.Body == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Content-Type", typeFragment)
	_, _ = w.Write(answer.Body) // As above.
	return nil
}

func (h *whipRoutes) remove(w http.ResponseWriter, r *http.Request) error {
	change, err := h.change(r)
	if err != nil {
		return err
	}
	if err := h.server.Delete(r.Context(), change); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// change reads what a PATCH and a DELETE have in common.
func (h *whipRoutes) change(r *http.Request) (whip.Change, error) {
	credential, err := h.credential(r)
	return whip.Change{RoomID: r.PathValue("room"), Resource: r.PathValue("resource"), Credential: credential}, err
}

// credential reads who publishes: a moderator by the session, or an encoder by its stream key.
func (h *whipRoutes) credential(r *http.Request) (whip.Credential, error) {
	bearer, present, err := api.Bearer(r)
	switch {
	case err != nil:
		return whip.Credential{}, err
	case !present:
		return whip.Credential{}, &rooms.Error{Code: rooms.CodeUnauthorized, Detail: "send the stream key, or a moderator's session, as Authorization: Bearer"}
	case !api.IsSession(bearer):
		return whip.Credential{Key: bearer}, nil
	}
	grant, err := h.sessions.Session(r.Context(), bearer)
	if err != nil {
		return whip.Credential{}, err
	}
	if grant.Role != rooms.Moderator {
		return whip.Credential{}, &rooms.Error{Code: rooms.CodeForbidden, Detail: "only moderators can publish"}
	}
	return whip.Credential{Moderator: &grant}, nil
}

// base is what URLs in the answer begin with.
func (h *whipRoutes) base(r *http.Request) string {
	if h.public != nil {
		return strings.TrimSuffix(h.public.String(), "/")
	}
	return request.From(r.Context()).Origin().String()
}

// readSDP reads a body of one media type.
func readSDP(w http.ResponseWriter, r *http.Request, want string) ([]byte, error) {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || got != want {
		return nil, &rooms.Error{Code: rooms.CodeUnsupportedMedia, Detail: "send the body as " + want}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOffer))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &rooms.Error{Code: rooms.CodeBodyTooLarge, Detail: fmt.Sprintf("at most %d bytes are read", maxOffer)}
	case err != nil:
		return nil, &rooms.Error{Code: problem.CodeMalformedSDP, Detail: "the body did not come in whole"}
	}
	return body, nil
}

// iceLinks are the Link headers that name STUN and TURN servers (RFC 9725, section 4.6).
func iceLinks(servers []api.ICEServer) (links []string) {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for _, s := range servers {
		for _, u := range s.URLs {
			link := "<" + u + `>; rel="ice-server"`
			if s.Username != "" {
				link += `; username="` + quote.Replace(s.Username) + `"; credential="` + quote.Replace(s.Credential) + `"; credential-type="password"`
			}
			links = append(links, link)
		}
	}
	return links
}
