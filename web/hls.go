package web

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"roomcast/live/hls"
	"roomcast/rooms"
	"roomcast/web/problem"
	"roomcast/web/request"
)

// HLS is what the media routes need of live.Hub.
type HLS interface {
	// Multivariant gives the one playlist that is a player's own.
	Multivariant(ctx context.Context, roomID, player string) (hls.Blob, error)
	// Playlist gives a media playlist; it waits, for a bounded time, until it holds what the query asks for.
	Playlist(ctx context.Context, roomID, name string, q hls.Query) (hls.Blob, error)
	// PreviewMultivariant and PreviewPlaylist give the playlists of what is sent before the show.
	PreviewMultivariant(ctx context.Context, roomID, player string) (hls.Blob, error)
	PreviewPlaylist(ctx context.Context, roomID, name string, q hls.Query) (hls.Blob, error)
	// Object gives a segment, part or init segment.
	Object(roomID, name string) (hls.Blob, error)
	// AwaitObject is Object, but waits, for a bounded time, for a part that a playlist announced.
	AwaitObject(ctx context.Context, roomID, name string) (hls.Blob, error)
	// Rewind gives the multivariant playlist of the rewind window for one player.
	Rewind(ctx context.Context, roomID, player string) (hls.Blob, error)
	// File opens a segment or init segment of the rewind window.
	File(roomID, name string) (*os.File, error)
}

// Tickets is what the media routes need of rooms.Door.
type Tickets interface {
	// Ticket admits a playlist request; player is "" for the multivariant playlist.
	Ticket(ctx context.Context, roomID, ticket, player string) (rooms.Grant, error)
}

const (
	// maxWaiting bounds the requests that wait for a playlist or part, in all and of one address: each costs some 11 KB,
	// and one HTTP/2 connection can bring a hundred of them.
	maxWaiting, maxWaitingEach = 65536, 4096
	// maxFiles bounds the files that are being sent.
	maxFiles, maxFilesEach = 2048, 256
)

var (
	errWaiting = &rooms.Error{Code: rooms.CodeOverloaded, Detail: "too many requests wait for media, come back in a moment", RetryAfter: time.Second}
	errFiles   = &rooms.Error{Code: rooms.CodeOverloaded, Detail: "too many files are being sent, come back in a moment", RetryAfter: time.Second}
)

const (
	maxPlayerLength  = 32
	maxObjectName    = 128
	playlistSuffix   = ".m3u8"
	multivariantName = "index.m3u8"
	rewindName       = "dvr.m3u8"
	posterName       = "poster.jpg"
	objectsElement   = "/o/"
	hlsPrefix        = "/hls/"
)

// hlsRoutes serves media: playlists behind tickets, objects to everybody who knows their names.
type hlsRoutes struct {
	media   HLS
	posters Posters // nil for none
	tickets Tickets
	meter   *meter
	log     *slog.Logger
	lengths lengths
	// waiting are the requests that wait for what is to come, files those that read from the disk.
	waiting, files *shares
	// ordinary is the per-request bookkeeping around a handler.
	ordinary func(http.Handler) http.Handler
}

func (h *hlsRoutes) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /hls/{room}/{ticket}/{name}", h.multivariant)
	mux.HandleFunc(playlistPattern, h.playlist)
	mux.HandleFunc(previewPattern, h.previewPlaylist)
}

func (h *hlsRoutes) multivariant(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("ticket") == objectsElement[1:2] {
		h.announced(w, r)
		return
	}
	playlist := h.media.Multivariant
	switch r.PathValue("name") {
	case multivariantName:
	case rewindName:
		playlist = h.media.Rewind
	case posterName:
		playlist = nil
	case previewName:
		h.preview(w, r)
		return
	default:
		h.refuse(w, r, noSuchObject)
		return
	}
	room := r.PathValue("room")
	if _, err := h.tickets.Ticket(r.Context(), room, r.PathValue("ticket"), ""); err != nil {
		h.refuse(w, r, err)
		return
	}
	if playlist == nil {
		h.poster(w, r, room)
		return
	}
	blob, err := playlist(r.Context(), room, newPlayer())
	if err != nil {
		h.refuseAs(w, r, err, mediaStatus(err))
		return
	}
	h.writePlaylist(w, r, blob)
}

// refuse answers a refusal under its code's own status.
func (h *hlsRoutes) refuse(w http.ResponseWriter, r *http.Request, err error) {
	h.refuseAs(w, r, err, 0)
}

// mediaStatus is the status of a refusal that there is no media, which is 503:
// players come again; or that the playlist asked for is too far ahead, which is
// 400 (rfc8216bis section 6.2.5.2); 0 is the error's own.
func mediaStatus(err error) int {
	switch rooms.CodeOf(err) {
	case rooms.CodeNotReady:
		return http.StatusServiceUnavailable
	case rooms.CodeValidationFailed:
		return http.StatusBadRequest
	}
	return 0
}

func (h *hlsRoutes) refuseAs(w http.ResponseWriter, r *http.Request, err error, status int) {
	allowAllOrigins(w)
	if ours := problem.WriteStatus(w, r, err, status); ours != nil {
		h.log.Error("a media request failed", "request_id", request.From(r.Context()).ID, "error", ours.Error())
	}
}

var (
	anyOrigin         = []string{"*"}
	noSniff           = []string{"nosniff"}
	crossOrigin       = []string{"cross-origin"}
	noStore           = []string{"no-store"}
	immutableHour     = []string{"public, max-age=3600, immutable"}
	typePlaylist      = []string{"application/vnd.apple.mpegurl"}
	acceptRanges      = []string{"bytes"}
	typeVideo         = []string{"video/mp4"}
	typeAudio         = []string{"audio/mp4"}
	gzipEncoding      = []string{"gzip"}
	byEncoding        = []string{"Accept-Encoding"}
	noSuchObject      = &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such media object, or not any more"}
	playlistMediaType = typePlaylist[0]
)

func allowAllOrigins(w http.ResponseWriter) { w.Header()["Access-Control-Allow-Origin"] = anyOrigin }

// writePlaylist sends a playlist; caches never keep one beyond what live says.
func (h *hlsRoutes) writePlaylist(w http.ResponseWriter, r *http.Request, blob hls.Blob) {
	header := w.Header()
	header["Access-Control-Allow-Origin"] = anyOrigin
	header["Content-Type"] = mediaType(blob.ContentType)
	header["Cache-Control"] = cacheControl(blob.MaxAge)
	header["Cross-Origin-Resource-Policy"] = crossOrigin
	body := blob.Body
	if blob.Gzip != nil {
		header["Vary"] = byEncoding
		if acceptsGzip(r) {
			header["Content-Encoding"] = gzipEncoding
			body = blob.Gzip
		}
	}
	header["Content-Length"] = h.lengths.of(len(body))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // The player may have gone; nothing is left to do.
	}
}

// objectOf splits /hls/{room}/o/{name}.
func objectOf(path string) (room, name string, ok bool) {
	rest, ok := strings.CutPrefix(path, hlsPrefix)
	if !ok {
		return "", "", false
	}
	room, name, ok = strings.Cut(rest, objectsElement)
	if !ok || room == "" || name == "" || len(name) > maxObjectName || strings.Contains(room, "/") || strings.Contains(name, "/") {
		return "", "", false
	}
	return room, name, true
}

// ParsePlaylistQuery reads the delivery directives of LL-HLS (rfc8216bis section 6.2.5). Other parameters are
// ignored, as players and caches add their own.
func ParsePlaylistQuery(raw string) (hls.Query, error) {
	var q hls.Query
	if raw == "" {
		return q, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, &rooms.Error{Code: rooms.CodeValidationFailed, Detail: "the query is not well-formed"}
	}
	if q.MSN, err = directive(values, "_HLS_msn"); err != nil {
		return hls.Query{}, err
	}
	if q.Part, err = directive(values, "_HLS_part"); err != nil {
		return hls.Query{}, err
	}
	if values.Has("_HLS_part") && !values.Has("_HLS_msn") {
		return hls.Query{}, &rooms.Error{Code: rooms.CodeValidationFailed, Detail: "_HLS_part needs _HLS_msn"}
	}
	q.WholeSegment = values.Has("_HLS_msn") && !values.Has("_HLS_part")
	switch skip := values.Get("_HLS_skip"); skip {
	case "":
	case "YES", "v2":
		q.Skip = true
	default:
		return hls.Query{}, &rooms.Error{Code: rooms.CodeValidationFailed, Detail: "_HLS_skip must be YES or v2"}
	}
	return q, nil
}

// directive reads a decimal integer of rfc8216bis section 4.2 that fits 31 bits.
func directive(values url.Values, name string) (int, error) {
	if !values.Has(name) {
		return 0, nil
	}
	n, err := strconv.ParseUint(values.Get(name), 10, 31)
	if err != nil || len(values[name]) > 1 {
		return 0, &rooms.Error{Code: rooms.CodeValidationFailed, Detail: name + " must be one whole number"}
	}
	return int(n), nil
}

// newPlayer names one player of a ticket: each fetch of the multivariant playlist begins one.
func newPlayer() string {
	var b [9]byte
	_, _ = rand.Read(b[:]) // Never returns an error (Go 1.24 and later).
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func fitPlayer(s string) bool {
	return s != "" && len(s) <= maxPlayerLength && request.FitID(s)
}

// mediaType and cacheControl give the header values that nearly every answer has without allocating.
func mediaType(t string) []string {
	switch t {
	case playlistMediaType:
		return typePlaylist
	case typeVideo[0]:
		return typeVideo
	case typeAudio[0]:
		return typeAudio
	}
	return []string{t}
}

func cacheControl(age time.Duration) []string {
	switch age {
	case 0:
		return noStore
	case time.Hour:
		return immutableHour
	}
	return []string{"public, max-age=" + strconv.Itoa(int(age/time.Second))}
}
