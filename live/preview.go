package live

import (
	"context"

	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
)

// previewBytes bounds the media kept of a preview, which nobody rewinds.
const previewBytes = 64 << 20

// openPreview packages what the publisher sends before the show, for those who
// decide when it begins: as a broadcast of its own, without lower qualities, a
// rewind window or a recording. Only live rooms have pages that show it. Held
// under the lock.
func (r *room) openPreview() {
	r.renewStream()
	if r.onAir == nil || r.onAir.publication.Room.RoomType != rooms.Live {
		return
	}
	p := hls.New(hls.Options{
		BasePath: r.hub.o.HLSPath + r.id + "/o/", Epoch: r.epoch, LowLatency: r.settings.Features.LowLatency,
		Uncached: true, MaxBytes: previewBytes,
	})
	r.preview.Store(p)
	reader := r.stream.NewReader(context.Background(), media.ReaderLimits{})
	r.endPreview = reader.Close
	r.pack(p, reader, func() {})
}

// closePreview ends the preview; nothing of it can be fetched any more. Held
// under the lock.
func (r *room) closePreview() {
	if r.endPreview == nil {
		return
	}
	r.endPreview()
	r.endPreview = nil
	r.preview.Store(nil)
}

// previewed is the packager of a room in preview, or not_ready.
func (h *Hub) previewed(roomID string) (*hls.Packager, error) {
	if r := h.find(roomID); r != nil {
		if p := r.preview.Load(); p != nil {
			return p, nil
		}
	}
	return nil, errNoPreview
}

// PreviewMultivariant is Multivariant for what a publisher in preview sends.
// Who may see it is for the caller to decide. not_ready if there is no preview.
func (h *Hub) PreviewMultivariant(_ context.Context, roomID, player string) (hls.Blob, error) {
	p, err := h.previewed(roomID)
	if err != nil {
		return hls.Blob{}, err
	}
	return p.Multivariant(player)
}

// PreviewPlaylist is Playlist for what a publisher in preview sends.
func (h *Hub) PreviewPlaylist(ctx context.Context, roomID, name string, q hls.Query) (hls.Blob, error) {
	p, err := h.previewed(roomID)
	if err != nil {
		return hls.Blob{}, err
	}
	return p.Playlist(ctx, name, q)
}
