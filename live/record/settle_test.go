package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"roomcast/rooms"
)

// badStore refuses to change assets while it is bad, as on a full disk.
type badStore struct {
	Assets
	bad atomic.Bool
}

var errBadStore = errors.New("database or disk is full")

func (b *badStore) SetAsset(ctx context.Context, a rooms.Asset) error {
	if b.bad.Load() {
		return errBadStore
	}
	return b.Assets.SetAsset(ctx, a)
}

func (b *badStore) DeleteAsset(ctx context.Context, roomID, id string) error {
	if b.bad.Load() {
		return errBadStore
	}
	return b.Assets.DeleteAsset(ctx, roomID, id)
}

// spoil puts a store between the studio's library and its registry that can be bad.
func (s *studio) spoil() *badStore {
	b := &badStore{Assets: s.registry}
	s.library.o.Assets = b
	return b
}

// restart makes another library, as after a kill of the server.
func (s *studio) restart() {
	s.t.Helper()
	s.library = New(s.library.o)
	s.t.Cleanup(s.library.Close)
	if err := s.library.Recover(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// abandon leaves an asset in the making, with the file of a show that was not ended.
func (s *studio) abandon(units coded) rooms.Asset {
	s.t.Helper()
	a, err := s.registry.NewAsset(s.t.Context(), rooms.Asset{RoomID: s.room, Kind: rooms.AssetRecording, State: rooms.AssetInMaking, Title: "x", StartedAt: time.Now()})
	if err != nil {
		s.t.Fatal(err)
	}
	whole, m := record(s.t, units.units)
	_ = m.file.Close()
	b, err := os.ReadFile(whole)
	if err == nil {
		err = os.MkdirAll(s.library.dir(s.room), 0o700)
	}
	if err == nil {
		err = os.WriteFile(s.library.path(a), b, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// ready waits until an asset is, and plays it.
func (s *studio) ready(id string, pictures int) {
	s.t.Helper()
	var a rooms.Asset
	s.eventually("the recording is ready", func() bool {
		var err error
		if a, err = s.registry.Asset(s.t.Context(), s.room, id); err != nil {
			s.t.Fatal(err)
		}
		return a.State == rooms.AssetReady
	})
	info, err := os.Stat(s.library.path(a))
	if err != nil || a.Size != info.Size() || a.Fault != "" {
		s.t.Errorf("%+v, %v", a, err)
	}
	if p := watch(s.t, s.library.path(a)); len(p.video) < pictures {
		s.t.Errorf("%d pictures of %d", len(p.video), pictures)
	}
}

func TestADiskThatFailsForAWhileCostsNoRecording(t *testing.T) {
	s := newStudio(t, "")
	s.library.retry = 5 * time.Millisecond
	a := s.abandon(encode(t, "160x90", "4"))
	// A loop of links cannot be opened; neither is it gone, nor malformed.
	path, aside := s.library.path(a), filepath.Join(s.dir, "aside")
	err := errors.Join(os.Rename(path, aside), os.Symlink(path, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.library.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // some tries
	if got := s.assets()[0]; got.State != rooms.AssetInMaking || got.Fault != "" {
		t.Fatalf("given up: %+v", got)
	}
	if err := os.Rename(aside, path); err != nil {
		t.Fatal(err)
	}
	s.ready(a.ID, 50)
}

func TestWhatIsNotSettledWaitsForTheNextStart(t *testing.T) {
	s := newStudio(t, "")
	bad := s.spoil()
	a := s.abandon(encode(t, "160x90", "4"))
	bad.bad.Store(true)
	if err := s.library.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.library.Close()
	if got := s.assets()[0]; got.State != rooms.AssetInMaking {
		t.Fatalf("%+v", got)
	}
	bad.bad.Store(false)
	s.restart()
	s.ready(a.ID, 50)
}

func TestAMalformedFileIsGivenUp(t *testing.T) {
	s := newStudio(t, "")
	a := s.abandon(encode(t, "160x90", "4"))
	b, err := os.ReadFile(s.library.path(a))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("stsd"))
	copy(b[at+4:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	if err := os.WriteFile(s.library.path(a), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.library.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.assets()[0]; got.State != rooms.AssetFailed || got.Fault == "" || s.library.isUnsettled(a.ID) {
		t.Errorf("%+v", got)
	}
}

// badSectors is a file of which what comes after a place cannot be read.
type badSectors struct {
	io.ReaderAt
	from int64
}

func (b badSectors) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > b.from {
		return 0, syscall.EIO
	}
	return b.ReaderAt.ReadAt(p, at)
}

func TestWhatCannotBeReadIsNotCutOff(t *testing.T) {
	path, m := record(t, encode(t, "160x90", "4").units)
	_ = m.file.Close()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	whole, err := newScan(f, m.size)
	if err != nil {
		t.Fatal(err)
	}
	for whole.next() {
	}
	if whole.err != nil || whole.fragments < 2 || whole.at != m.size {
		t.Fatalf("%d fragments in %d bytes of %d, %v", whole.fragments, whole.at, m.size, whole.err)
	}
	s, err := newScan(f, m.size)
	if err != nil {
		t.Fatal(err)
	}
	s.next()
	for s.r = (badSectors{f, s.at + 8}); s.next(); {
	}
	if !errors.Is(s.err, syscall.EIO) {
		t.Errorf("%d fragments, %v", s.fragments, s.err)
	}
}

func TestAnEndThatCouldNotBeStoredIsStoredLater(t *testing.T) {
	s := newStudio(t, "")
	s.library.retry = 5 * time.Millisecond
	bad := s.spoil()
	s.start(encode(t, "160x90", "3").units)
	bad.bad.Store(true)
	s.end()
	a := s.assets()[0]
	if a.State != rooms.AssetInMaking || !s.library.isUnsettled(a.ID) {
		t.Fatalf("%+v", a)
	}
	bad.bad.Store(false)
	s.ready(a.ID, 75)
	s.eventually("nothing is due", func() bool { return !s.library.isUnsettled(a.ID) })
}

func TestARecordingThatNobodyMakesCanBeDeleted(t *testing.T) {
	s := newStudio(t, "")
	bad := s.spoil()
	s.start(encode(t, "160x90", "3").units)
	a := s.assets()[0]
	if err := s.library.Delete(t.Context(), s.room, a.ID); rooms.CodeOf(err) != rooms.CodeInUse {
		t.Errorf("while it grows: %v", err)
	}
	bad.bad.Store(true)
	s.end()
	if err := s.library.Delete(t.Context(), s.room, a.ID); !errors.Is(err, errBadStore) || !s.library.isUnsettled(a.ID) {
		t.Errorf("while the store is bad: %v", err)
	}
	bad.bad.Store(false)
	if err := s.library.Delete(t.Context(), s.room, a.ID); err != nil {
		t.Error(err)
	}
	if len(s.assets()) != 0 || len(s.files()) != 0 || s.library.isUnsettled(a.ID) {
		t.Errorf("left: %v %v", s.assets(), s.files())
	}
}

func TestARefusedClipIsForgottenLater(t *testing.T) {
	s := newStudio(t, "")
	s.library.retry = 5 * time.Millisecond
	bad := s.spoil()
	s.pack(time.Now(), encode(t, "160x90", "6").units)
	bad.bad.Store(true)
	if _, err := s.library.Clip(t.Context(), s.room, 5*time.Second, ""); !errors.Is(err, errBadStore) {
		t.Fatal(err)
	}
	if len(s.files()) != 0 || len(s.assets()) != 1 {
		t.Errorf("files %v, assets %v", s.files(), s.assets())
	}
	bad.bad.Store(false)
	s.eventually("it is forgotten", func() bool { return len(s.assets()) == 0 })
}
