package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"roomcast/rooms"
)

func assets(t *testing.T, s rooms.Store) {
	create(t, s, fullRoom(1), fullRoom(2))
	list := []rooms.Asset{
		{ID: id(11), RoomID: id(1), Kind: rooms.AssetRecording, Title: "Ärger & <b>", State: rooms.AssetInMaking, StartedAt: base, CreatedAt: base},
		{ID: id(12), RoomID: id(1), Kind: rooms.AssetClip, Title: "b", State: rooms.AssetReady, Size: 1 << 40, Duration: 1500 * time.Microsecond, StartedAt: base, CreatedAt: base},
		{ID: id(13), RoomID: id(1), Kind: rooms.AssetClip, Title: "c", State: rooms.AssetFailed, Fault: "no media", StartedAt: base, CreatedAt: base},
		{ID: id(14), RoomID: id(2), Kind: rooms.AssetRecording, Title: "d", State: rooms.AssetInMaking, Size: 5, StartedAt: base, CreatedAt: base},
	}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		for _, a := range list {
			if err := tx.CreateAsset(ctx, a); err != nil {
				return err
			}
		}
		return nil
	})
	ctx := t.Context()
	got, err := s.Assets(ctx, id(1), rooms.ListQuery{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the first page", got, []rooms.Asset{list[2], list[1]})
	if got, err = s.Assets(ctx, id(1), rooms.ListQuery{Limit: 2, Before: id(12)}); err != nil {
		t.Fatal(err)
	}
	same(t, "the next page", got, list[:1])
	if got, err = s.AssetsInMaking(ctx); err != nil {
		t.Fatal(err)
	}
	same(t, "those in making", got, []rooms.Asset{list[0], list[3]})
	if n, err := s.AssetBytes(ctx, id(1)); err != nil || n != 1<<40 {
		t.Errorf("%d bytes, %v", n, err)
	}

	grown := list[0]
	grown.State, grown.Title, grown.Fault, grown.Size, grown.Duration, grown.StartedAt = rooms.AssetReady, "new", "disk full", 7, time.Hour, base.Add(time.Second)
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.UpdateAsset(ctx, grown) })
	one, err := s.Asset(ctx, id(1), id(11))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the grown one", one, grown)
	if n, err := s.AssetBytes(ctx, id(1)); err != nil || n != 1<<40+7 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := s.Asset(ctx, id(2), id(11)); !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("another room's asset: %v", err)
	}
	err = s.Update(ctx, func(tx rooms.Writer) error { return tx.DeleteAsset(ctx, id(2), id(11)) })
	if !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("deleting another room's asset: %v", err)
	}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.DeleteAsset(ctx, id(1), id(11)) })
	if _, err := s.Asset(ctx, id(1), id(11)); !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("deleted: %v", err)
	}
	err = s.Update(ctx, func(tx rooms.Writer) error {
		return tx.CreateAsset(ctx, rooms.Asset{ID: id(15), RoomID: id(9), StartedAt: base, CreatedAt: base})
	})
	if err == nil {
		t.Error("an asset of no room")
	}
}
