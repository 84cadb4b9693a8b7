package web

import (
	"net/http"

	"roomcast/live/hls"
	"roomcast/rooms"
)

const (
	previewName = "preview.m3u8"
	// previewElement follows the player's in the paths of a preview's media playlists.
	previewElement = "/preview"
	previewPattern = "GET /hls/{room}/{ticket}/{player}" + previewElement + "/{name}"
)

var errNotShown = &rooms.Error{Code: rooms.CodeForbidden, Detail: "the show has not begun: only moderators see the preview"}

// preview gives a moderator's player the multivariant playlist of what is sent before the show.
func (h *hlsRoutes) preview(w http.ResponseWriter, r *http.Request) {
	room := r.PathValue("room")
	if err := h.mayPreview(r, room, ""); err != nil {
		h.refuse(w, r, err)
		return
	}
	blob, err := h.media.PreviewMultivariant(r.Context(), room, newPlayer()+previewElement)
	if err != nil {
		h.refuseAs(w, r, err, mediaStatus(err))
		return
	}
	h.writePlaylist(w, r, blob)
}

// previewPlaylist gives a media playlist of it.
func (h *hlsRoutes) previewPlaylist(w http.ResponseWriter, r *http.Request) {
	path := playlistPath{
		room: r.PathValue("room"), ticket: r.PathValue("ticket"), player: r.PathValue("player"), name: r.PathValue("name"),
	}
	name, query, no := asked(r, path)
	if no != nil {
		h.refuseAs(w, r, no.err, no.status)
		return
	}
	if err := h.mayPreview(r, path.room, path.player); err != nil {
		h.refuse(w, r, err)
		return
	}
	blob, no := h.await(r, query, func() (hls.Blob, error) { return h.media.PreviewPlaylist(r.Context(), path.room, name, query) })
	if no != nil {
		h.refuseAs(w, r, no.err, no.status)
		return
	}
	h.writePlaylist(w, r, blob)
}

// mayPreview admits moderators.
func (h *hlsRoutes) mayPreview(r *http.Request, room, player string) error {
	grant, err := h.tickets.Ticket(r.Context(), room, r.PathValue("ticket"), player)
	if err == nil && grant.Role != rooms.Moderator {
		return errNotShown
	}
	return err
}
