package rooms

import (
	"context"
	"errors"
	"time"
)

// AssetKind says what an asset is.
type AssetKind string

// The kinds of assets.
const (
	AssetRecording AssetKind = "recording" // of a broadcast, from its beginning on
	AssetClip      AssetKind = "clip"      // the last seconds of a broadcast, as a moderator marked them
)

// AssetState is what has become of an asset.
type AssetState string

// The states of an asset.
const (
	AssetInMaking AssetState = "recording" // its file grows
	AssetReady    AssetState = "ready"
	AssetFailed   AssetState = "failed" // there is nothing to play
)

// Asset is a media file that belongs to a room. Where the file is, is known to
// who keeps it.
type Asset struct {
	ID       string
	RoomID   string
	Kind     AssetKind
	Title    string
	State    AssetState
	Fault    string // for people: why it is not all that was wanted, or ""
	Size     int64  // bytes
	Duration time.Duration
	// StartedAt is the wall clock at the asset's first picture.
	StartedAt time.Time
	CreatedAt time.Time
}

// ETag changes with everything an asset shows.
func (a Asset) ETag() string {
	return etag(a.ID, a.Size, []byte(string(a.State)+"\n"+a.Title+"\n"+a.Fault+"\n"+a.Duration.String()))
}

// CheckTitle checks the title of an asset: 1-200 characters.
func CheckTitle(title string) (string, error) {
	return textRule{min: 1, max: 200, trim: true}.check(title)
}

// NewAsset fills in the id and the time of an asset and stores it.
func (r *Registry) NewAsset(ctx context.Context, a Asset) (Asset, error) {
	a.ID, a.CreatedAt = r.ids.next(), now()
	a.StartedAt = a.StartedAt.UTC().Truncate(time.Microsecond)
	err := r.store.Update(ctx, func(tx Writer) error {
		if _, err := tx.Room(ctx, a.RoomID); err != nil {
			return stored(err, "room")
		}
		return tx.CreateAsset(ctx, a)
	})
	return a, err
}

// SetAsset stores what has become of an asset; not_found when it, or its room,
// was deleted meanwhile.
func (r *Registry) SetAsset(ctx context.Context, a Asset) error {
	return stored(r.store.Update(ctx, func(tx Writer) error { return tx.UpdateAsset(ctx, a) }), "recording")
}

// Asset returns one asset of a room.
func (r *Registry) Asset(ctx context.Context, roomID, id string) (Asset, error) {
	a, err := r.store.Asset(ctx, roomID, id)
	return a, stored(err, "recording")
}

// Assets lists the assets of a room.
func (r *Registry) Assets(ctx context.Context, roomID string, limit int, cursor string) (Page[Asset], error) {
	q, err := listQuery(limit, cursor)
	if err != nil {
		return Page[Asset]{}, err
	}
	if _, err := r.store.Room(ctx, roomID); err != nil {
		return Page[Asset]{}, stored(err, "room")
	}
	list, err := r.store.Assets(ctx, roomID, q)
	if err != nil {
		return Page[Asset]{}, err
	}
	return newPage(list, q, func(a Asset) string { return a.ID }), nil
}

// DeleteAsset forgets an asset; its file is its keeper's to delete.
func (r *Registry) DeleteAsset(ctx context.Context, roomID, id string) error {
	return stored(r.store.Update(ctx, func(tx Writer) error { return tx.DeleteAsset(ctx, roomID, id) }), "recording")
}

// AssetsInMaking lists the assets of all rooms whose files grow, or did when
// the last process ended.
func (r *Registry) AssetsInMaking(ctx context.Context) ([]Asset, error) {
	return r.store.AssetsInMaking(ctx)
}

// RoomExists reports whether there is such a room.
func (r *Registry) RoomExists(ctx context.Context, id string) (bool, error) {
	_, err := r.store.Room(ctx, id)
	if errors.Is(err, ErrNotStored) {
		return false, nil
	}
	return err == nil, err
}

// Storage says how much a room may store, and how much of it is taken.
func (r *Registry) Storage(ctx context.Context, roomID string) (used int64, limit *LimitHit, err error) {
	rec, err := r.store.Room(ctx, roomID)
	if err != nil {
		return 0, nil, stored(err, "room")
	}
	if used, err = r.store.AssetBytes(ctx, roomID); err != nil {
		return 0, nil, err
	}
	const name = "max_storage_bytes"
	if settings := r.view(rec).Settings; settings.Limits.MaxStorageBytes != nil {
		limit = &LimitHit{name, *settings.Limits.MaxStorageBytes, settings.LimitSources[name]}
	}
	return used, limit, nil
}
