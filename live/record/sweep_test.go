package record

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"roomcast/rooms"
)

// put makes a file below the studio's rooms, which nobody wrote.
func (s *studio) put(names ...string) {
	s.t.Helper()
	for _, name := range names {
		path := filepath.Join(s.dir, "rooms", name)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, []byte(name), 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// has tells which of the files are there.
func (s *studio) has(names ...string) (there []string) {
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(s.dir, "rooms", name)); err == nil {
			there = append(there, name)
		}
	}
	return there
}

func TestWhatWasDeletedBeforeAKillIsGoneAfterTheNextStart(t *testing.T) {
	s := newStudio(t, "")
	c := encode(t, "160x90", "3")
	record := func() rooms.Asset {
		s.start(c.units)
		s.end()
		return s.assets()[0]
	}
	gone := record()
	// What Delete does first; then the process is killed.
	if err := s.registry.DeleteAsset(t.Context(), s.room, gone.ID); err != nil {
		t.Fatal(err)
	}
	kept := record()
	making := s.abandon(c)
	// What others keep there, and what nobody knows.
	others := []string{
		s.room + "/show.json", s.room + "/dvr/1/x.m4s", s.room + "/assets/notes.txt", s.room + "/assets/" + gone.ID + ".mp4.part",
		s.room + "/assets/UPPER.mp4", s.room + "/assets/[a-.mp4", "lost+found/x", "[old]/assets/" + gone.ID + ".mp4", "file",
	}
	s.put(others...)
	s.restart()
	if list := s.files(); slices.Contains(list, s.library.path(gone)) {
		t.Errorf("a deleted recording is still there: %v", list)
	}
	if left := s.has(others...); !slices.Equal(left, others) {
		t.Errorf("left of others' files: %v", left)
	}
	s.ready(kept.ID, 75)
	s.ready(making.ID, 25)

	if err := s.registry.DeleteRoom(t.Context(), s.room, rooms.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.restart()
	if left := s.has(s.room, "lost+found/x", "[old]", "file"); !slices.Equal(left, []string{"lost+found/x", "[old]", "file"}) {
		t.Errorf("after the room: %v", left)
	}
}

// blindStore cannot be asked.
type blindStore struct{ Assets }

func (blindStore) RoomExists(context.Context, string) (bool, error) { return false, errBadStore }

// blinder knows rooms, but no assets.
type blinder struct{ Assets }

func (blinder) Asset(context.Context, string, string) (rooms.Asset, error) {
	return rooms.Asset{}, errBadStore
}

func TestNothingIsSweptWhenTheStoreCannotBeAsked(t *testing.T) {
	s := newStudio(t, "")
	a := s.abandon(encode(t, "160x90", "3"))
	for _, store := range []Assets{blindStore{s.registry}, blinder{s.registry}} {
		s.library.o.Assets = store
		if err := s.library.sweep(t.Context()); !errors.Is(err, errBadStore) {
			t.Errorf("%T: %v", store, err)
		}
	}
	s.library.o.Assets = s.registry
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.library.sweep(ctx); err == nil {
		t.Error("swept after the end")
	}
	if err := s.library.sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.library.path(a)); err != nil {
		t.Error(err)
	}
}

func TestFilesAreFoundWhateverTheDataDirectoryIsCalled(t *testing.T) {
	s := newStudio(t, "")
	s.dir = filepath.Join(t.TempDir(), "data [1] *")
	s.library.o.DataDir = s.dir
	a := s.abandon(encode(t, "160x90", "3"))
	other, err := s.registry.NewAsset(t.Context(), rooms.Asset{RoomID: s.room, Kind: rooms.AssetClip, State: rooms.AssetReady, Title: "x", StartedAt: time.Now()})
	if err == nil {
		err = s.registry.DeleteAsset(t.Context(), s.room, other.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := s.room + "/assets/" + other.ID + ".mp4"
	s.put(name)
	s.restart()
	s.ready(a.ID, 25)
	if left := s.has(name); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
