package record

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"roomcast/rooms"
)

// sweep removes what was deleted but whose files the last process did not come
// to: the folders of rooms, and the files of assets, that the store does not
// know. What has another name than we give stays, and so does all of a room that
// is known but for its assets: the other parts look after theirs.
func (l *Library) sweep(ctx context.Context) error {
	for _, id := range l.names(l.roomsDir()) {
		if !rooms.ValidID(id) {
			continue
		}
		known, err := l.o.Assets.RoomExists(ctx, id)
		if err != nil {
			return err
		}
		if !known {
			l.o.Log.Info("delete the files of a room that is gone", "room", id)
			l.removeRoom(id)
			continue
		}
		if err := l.sweepAssets(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (l *Library) sweepAssets(ctx context.Context, roomID string) error {
	for _, name := range l.names(l.dir(roomID)) {
		id, ours := strings.CutSuffix(name, fileSuffix)
		if !ours || !rooms.ValidID(id) {
			continue
		}
		_, err := l.o.Assets.Asset(ctx, roomID, id)
		switch {
		case rooms.CodeOf(err) == rooms.CodeNotFound:
			l.o.Log.Info("delete the file of a recording that is gone", "room", roomID, "asset", id)
			l.remove(rooms.Asset{ID: id, RoomID: roomID})
		case err != nil:
			return err
		}
	}
	return nil
}

// names lists a directory; what cannot be read is left to the next start.
func (l *Library) names(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.o.Log.Error("look for the files of deleted recordings", "dir", dir, "error", err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}
