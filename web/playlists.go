package web

import (
	"net/http"
	"strings"
	"time"

	"roomcast/live/hls"
	"roomcast/rooms"
)

// playlistPattern is the route of media playlists.
const playlistPattern = "GET /hls/{room}/{ticket}/{player}/{name}"

// playlistPath is what the path of a media playlist names.
type playlistPath struct{ room, ticket, player, name string }

// playlistOf splits /hls/{room}/{ticket}/{player}/{name}.
func playlistOf(path string) (p playlistPath, ok bool) {
	rest, ok := strings.CutPrefix(path, hlsPrefix)
	if !ok {
		return p, false
	}
	for _, element := range []*string{&p.room, &p.ticket, &p.player} {
		if *element, rest, ok = strings.Cut(rest, "/"); !ok || *element == "" || (*element)[0] == '.' {
			return p, false
		}
	}
	p.name = rest
	return p, strings.HasSuffix(rest, playlistSuffix) && !strings.Contains(rest, "/")
}

// refusal is why there is no playlist; status 0 is the error's own.
type refusal struct {
	err    error
	status int
}

// servePlaylist answers a plain request for a media playlist, which every viewer makes several times a second, and
// reports whether it did. It spares what costs more than the playlist itself: routing, the request's id, the line in the
// debug log. Refusals have all that.
func (h *hlsRoutes) servePlaylist(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.RawPath != "" {
		return false
	}
	path, ok := playlistOf(r.URL.Path)
	if !ok {
		return false
	}
	began := time.Now()
	blob, no := h.mediaPlaylist(r, path)
	if no != nil {
		r.Pattern = playlistPattern
		h.ordinary(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.refuseAs(w, r, no.err, no.status)
		})).ServeHTTP(w, r)
		return true
	}
	w.Header()["X-Content-Type-Options"] = noSniff
	h.writePlaylist(w, r, blob)
	h.meter.playlists.Observe(time.Since(began).Seconds())
	return true
}

// playlist answers the requests for media playlists that are not plain.
func (h *hlsRoutes) playlist(w http.ResponseWriter, r *http.Request) {
	blob, no := h.mediaPlaylist(r, playlistPath{
		room: r.PathValue("room"), ticket: r.PathValue("ticket"), player: r.PathValue("player"), name: r.PathValue("name"),
	})
	if no != nil {
		h.refuseAs(w, r, no.err, no.status)
		return
	}
	h.writePlaylist(w, r, blob)
}

// mediaPlaylist admits a viewer and gets what is asked for.
func (h *hlsRoutes) mediaPlaylist(r *http.Request, path playlistPath) (hls.Blob, *refusal) {
	name, query, no := asked(r, path)
	if no != nil {
		return hls.Blob{}, no
	}
	if _, err := h.tickets.Ticket(r.Context(), path.room, path.ticket, path.player); err != nil {
		return hls.Blob{}, &refusal{err, 0}
	}
	return h.await(r, query, func() (hls.Blob, error) { return h.media.Playlist(r.Context(), path.room, name, query) })
}

// await gets a playlist, which may have to be waited for.
func (h *hlsRoutes) await(r *http.Request, q hls.Query, get func() (hls.Blob, error)) (hls.Blob, *refusal) {
	if q.MSN > 0 {
		place, ok := h.waiting.enterFor(r)
		if !ok {
			return hls.Blob{}, &refusal{errWaiting, 0}
		}
		defer h.waiting.leave(place)
	}
	blob, err := get()
	if err != nil {
		return hls.Blob{}, &refusal{err, mediaStatus(err)}
	}
	return blob, nil
}

// asked is what a request for a media playlist asks for.
func asked(r *http.Request, path playlistPath) (name string, q hls.Query, no *refusal) {
	name, ok := strings.CutSuffix(path.name, playlistSuffix)
	if !ok || !fitPlayer(path.player) {
		return "", q, &refusal{&rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such playlist"}, 0}
	}
	q, err := ParsePlaylistQuery(r.URL.RawQuery)
	if err != nil {
		// rfc8216bis section 6.2.5.2 asks for 400.
		return "", q, &refusal{err, http.StatusBadRequest}
	}
	return name, q, nil
}
