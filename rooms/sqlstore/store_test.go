package sqlstore

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomcast/rooms"
	"roomcast/rooms/storetest"
)

// crashDirEnv makes the test binary the process that crashes.
const crashDirEnv = "ROOMCAST_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirEnv); dir != "" {
		createUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t *testing.T) *Store {
	t.Helper()
	return openIn(t, t.TempDir())
}

func openIn(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, quiet())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) rooms.Store { return open(t) })
}

func TestEveryConnectionIsDurableAndStrict(t *testing.T) {
	s := open(t)
	for name, db := range map[string]*sql.DB{"writer": s.writer, "reader": s.reader} {
		for pragma, want := range map[string]string{
			"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000", // 2 is FULL
		} {
			var got string
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s = %q (%v), want %q", name, pragma, got, err, want)
			}
		}
	}
	if _, err := s.reader.ExecContext(t.Context(), "DELETE FROM rooms"); err == nil {
		t.Error("a reading connection can write")
	}
	if n := s.writer.Stats().MaxOpenConnections; n != 1 {
		t.Errorf("%d writing connections, want 1", n)
	}
}

func TestTheDirectoryBelongsToOneProcess(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(t.Context(), dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dir, quiet())
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Dir != dir || locked.PID != os.Getpid() {
		t.Errorf("second open: %v, want a LockedError naming %s and %d", err, dir, os.Getpid())
	}
	for _, part := range []string{dir, fmt.Sprint(os.Getpid())} {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("error %q does not name %s", err, part)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openIn(t, dir)
}

func TestNobodyElseCanRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "data")
	s := openIn(t, dir)
	if err := s.Update(t.Context(), func(tx rooms.Writer) error { return tx.SetSetting(t.Context(), "s", nil) }); err == nil {
		t.Error("a null value was stored")
	}
	if err := s.Update(t.Context(), func(tx rooms.Writer) error { return tx.SetSetting(t.Context(), "s", []byte("v")) }); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		".": 0o700, databaseName: 0o600, databaseName + "-wal": 0o600, lockName: 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v (%v), want %v", name, info.Mode().Perm(), err, want)
		}
	}
}

func TestAPanicInATransactionLeavesTheStoreUsable(t *testing.T) {
	s := open(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Update(t.Context(), func(tx rooms.Writer) error {
			if err := tx.SetSetting(t.Context(), "s", []byte("v")); err != nil {
				t.Error(err)
			}
			panic("boom")
		})
	}()
	if err := s.Update(t.Context(), func(tx rooms.Writer) error { return tx.SetSetting(t.Context(), "other", []byte("v")) }); err != nil {
		t.Errorf("the next transaction: %v", err)
	}
	if _, err := s.Setting(t.Context(), "s"); !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("what the panicking one wrote: %v", err)
	}
}

func TestOddPathsAreFine(t *testing.T) {
	s := openIn(t, filepath.Join(t.TempDir(), "a b?c#d%20e&_pragma=synchronous(OFF)"))
	var mode int
	if err := s.writer.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&mode); err != nil || mode != 2 {
		t.Errorf("synchronous = %d (%v), want 2", mode, err)
	}
}

func TestANewerDatabaseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, quiet()); err == nil || !strings.Contains(err.Error(), "9999") {
		t.Errorf("open: %v, want a refusal that names version 9999", err)
	}
}

func TestEveryAcknowledgedRoomSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDirEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		acknowledged = append(acknowledged, lines.Text())
		if len(acknowledged) == 300 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	if len(acknowledged) < 300 {
		t.Fatalf("only %d rooms were acknowledged", len(acknowledged))
	}
	s := openIn(t, dir)
	for _, id := range acknowledged {
		if _, err := s.Room(t.Context(), id); err != nil {
			t.Errorf("acknowledged room %s: %v", id, err)
		}
	}
}

// createUntilKilled creates rooms from several goroutines and prints the id of
// each once it is acknowledged.
func createUntilKilled(dir string) {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	s, err := Open(ctx, dir, quiet())
	if err != nil {
		panic(err)
	}
	keys, err := rooms.LoadKeys(ctx, s)
	if err != nil {
		panic(err)
	}
	r := rooms.NewRegistry(rooms.RegistryOptions{Store: s, Keys: keys, Log: quiet()})
	ids := make(chan string)
	for range 8 {
		go func() {
			for {
				v, _, err := r.CreateRoom(ctx, []byte(`{"room_name":"n","room_type":"live"}`), rooms.WriteOptions{})
				if err != nil {
					panic(err)
				}
				ids <- v.ID
			}
		}()
	}
	for id := range ids {
		if _, err := os.Stdout.WriteString(id + "\n"); err != nil {
			return
		}
	}
}
