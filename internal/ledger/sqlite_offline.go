package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"zombiezen.com/go/sqlite"
)

// offline is a ledger opened for reading only, without the lock of its directory.
type offline struct {
	reader

	mu       sync.Mutex
	versions map[*sqlite.Conn]int64 // of the database, when the names were read last
}

// OpenRead opens the ledger in the state directory for reading, whether or not another
// process has it open for writing. It changes nothing there: a damaged ledger, or that of
// another version of rota, is an error, and rows that do not match their checksum are
// ignored. [fs.ErrNotExist] if there is no ledger, [ErrDamaged], [ErrVersion].
func OpenRead(ctx context.Context, dir string) (Reader, error) {
	s := &offline{reader: newReading(dir), versions: map[*sqlite.Conn]int64{}}
	err := s.open(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ledger in %s: %w", dir, err), s.reader.Close())
	}
	return s, nil
}

func (s *offline) open(ctx context.Context) error {
	switch info, err := os.Stat(s.path); {
	case err != nil:
		return err
	case info.Size() == 0:
		return fmt.Errorf("%w: %s is empty", ErrDamaged, s.path)
	}
	s.connect = func() (*sqlite.Conn, error) { return connect(s.path, openReadOnly) }
	s.onDamaged = func(*record) error { return nil }
	s.mapError = func(err error) error { return err }
	return s.view(ctx, func(conn *sqlite.Conn) error {
		todo, err := unapplied(conn)
		switch {
		case err == nil && len(todo) == 0:
			s.inSnapshot = s.snapshot
			return checkSchema(conn)
		case isDamaged(err) && !errors.Is(err, ErrDamaged):
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		case err != nil:
			return err
		}
		return fmt.Errorf("%w: an older version made it; start the daemon to migrate it", ErrVersion)
	})
}

// snapshot calls f within a read transaction, with the names of that snapshot.
func (s *offline) snapshot(conn *sqlite.Conn, f func(*sqlite.Conn) error) (err error) {
	if err := query(conn, "BEGIN", nil, nil); err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, query(conn, "ROLLBACK", nil, nil)) }()
	version := int64(0)
	if err := query(conn, "PRAGMA data_version", nil, func(stmt *sqlite.Stmt) error { version = stmt.ColumnInt64(0); return nil }); err != nil {
		return err
	}
	s.mu.Lock()
	known := s.versions[conn] == version
	s.versions[conn] = version
	s.mu.Unlock()
	if !known {
		if err := s.names.load(conn); err != nil {
			return err
		}
	}
	return f(conn)
}

// Cursor implements [Reader].
func (s *offline) Cursor(ctx context.Context) (c Cursor, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		c, _, err = readCursor(conn)
		return err
	})
	return c, err
}
