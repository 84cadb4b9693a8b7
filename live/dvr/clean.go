package dvr

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// folder is what a room's windows are kept under, beside its other files.
const folder = "dvr"

// Dir is the directory of a show's window below the data directory.
func Dir(dataDir, roomID, show string) string {
	return filepath.Join(dataDir, "rooms", roomID, folder, show)
}

// Leftovers lists the windows that an earlier process left behind. Call it
// before the first New.
func Leftovers(dataDir string) ([]string, error) {
	// A pattern below the data directory: its own path may hold brackets.
	list, err := fs.Glob(os.DirFS(dataDir), "rooms/*/"+folder+"/*")
	if err != nil {
		return nil, fmt.Errorf("look for old rewind windows: %w", err)
	}
	for i, name := range list {
		list[i] = filepath.Join(dataDir, filepath.FromSlash(name))
	}
	return list, nil
}

// Clean deletes windows; it may take seconds when there are many files.
func Clean(ctx context.Context, dirs []string, log *slog.Logger) {
	for _, dir := range dirs {
		if ctx.Err() != nil {
			return // the next start goes on
		}
		if err := os.RemoveAll(dir); err != nil {
			log.Error("delete an old rewind window", "dir", dir, "error", err)
		}
	}
}
