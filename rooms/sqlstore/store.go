package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver

	"roomcast/rooms"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	databaseName = "roomcast.db"
	readers      = 4
)

// Store is a rooms.Store in a data directory.
type Store struct {
	queries // on the reading connections
	writer  *sql.DB
	reader  *sql.DB
	lock    *os.File
}

var _ rooms.Store = (*Store)(nil)

// Open opens the store in dataDir, creating what is missing, and takes the
// directory for this process until Close: a second Open is a *LockedError.
func Open(ctx context.Context, dataDir string, log *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if err := os.Chmod(dataDir, 0o700); err != nil { //nolint:gosec // a directory is entered by its x bit
		log.Warn("data directory stays as open as it is", "dir", dataDir, "error", err)
	}
	lock, err := lockDirectory(dataDir)
	if err != nil {
		return nil, err
	}
	s := &Store{lock: lock}
	if err := s.open(ctx, filepath.Join(dataDir, databaseName), log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string, log *slog.Logger) error {
	// SQLite gives its -wal and -shm files the mode of the database.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = errors.Join(f.Chmod(0o600), f.Close())
	}
	if err != nil {
		return fmt.Errorf("open the database file: %w", err)
	}
	if s.writer, err = sql.Open("sqlite", dataSource(path, "journal_mode(WAL)")); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, s.writer, log); err != nil {
		return err
	}
	if s.reader, err = sql.Open("sqlite", dataSource(path, "query_only(ON)")); err != nil {
		return fmt.Errorf("open the database to read: %w", err)
	}
	s.reader.SetMaxOpenConns(readers)
	s.reader.SetMaxIdleConns(readers)
	s.queries = queries{s.reader}
	return nil
}

// dataSource makes every connection durable and strict, and has what is deleted
// overwritten: a chat message that a moderator takes out is gone. busy_timeout comes
// first: the others may have to wait already.
func dataSource(path, more string) string {
	q := url.Values{"_txlock": {"immediate"}}
	for _, pragma := range []string{"busy_timeout(10000)", more, "synchronous(FULL)", "secure_delete(ON)", "foreign_keys(ON)", "trusted_schema(OFF)"} {
		q.Add("_pragma", pragma)
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func migrate(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	known, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the database's version: %w", err)
	}
	sources := provider.ListSources()
	if newest := sources[len(sources)-1].Version; known > newest {
		return fmt.Errorf("the database has version %d, this roomcast knows up to %d: start a newer roomcast", known, newest)
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	for _, r := range results {
		log.Info("database migrated", "version", r.Source.Version, "took", r.Duration)
	}
	return nil
}

// Update implements rooms.Store. Transactions follow one another on the one
// writing connection, so fn runs once.
func (s *Store) Update(ctx context.Context, fn func(tx rooms.Writer) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // also when fn panics; nothing to do after a commit
	if err := fn(queries{tx}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Close closes the database and frees the directory.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.reader, s.writer} { // the writer last: it checkpoints
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
