package ledger

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// storeError is an error of the database, as opposed to a refusal by the rules.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// query runs one statement, which is kept prepared, and calls f for each row of
// the result; nil if there is none. Its own errors are storeErrors.
func query(conn *sqlite.Conn, sql string, args []value, f func(*sqlite.Stmt) error) error {
	stmt, err := conn.Prepare(sql)
	if err != nil {
		return wrapSQLiteError(err)
	}
	bind(stmt, args...)
	for {
		more, err := stmt.Step()
		if err != nil {
			return wrapSQLiteError(err)
		}
		if !more {
			return nil
		}
		if f == nil {
			continue
		}
		if err := f(stmt); err != nil {
			_ = stmt.Reset()
			return err
		}
	}
}

// busyTime is how long a connection waits for another program that has locked the database.
const busyTime = 10 * time.Second

// errStop ends a query early.
var errStop = errors.New("stop")

// wrapSQLiteError turns an error of SQLite into one of this package.
func wrapSQLiteError(err error) error {
	switch code := sqlite.ErrCode(err); code.ToPrimary() {
	case sqlite.ResultFull:
		err = fmt.Errorf("%w: %w", ErrDiskFull, err)
	case sqlite.ResultIOErr:
		if slices.Contains(diskFullCodes, code) {
			err = fmt.Errorf("%w: %w", ErrDiskFull, err)
		}
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &storeError{err}
}

// diskFullCodes are the codes of a full disk other than SQLITE_FULL.
var diskFullCodes = []sqlite.ResultCode{sqlite.ResultIOErrWrite, sqlite.ResultIOErrFsync, sqlite.ResultIOErrSHMSize, sqlite.ResultIOErrSHMOpen}

// connect opens a connection. The first one, to write, makes the file if need
// be and sets what the file keeps.
func connect(path string, flags sqlite.OpenFlags) (*sqlite.Conn, error) {
	write := flags&sqlite.OpenCreate != 0
	conn, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, wrapSQLiteError(err)
	}
	conn.SetBusyTimeout(busyTime)
	settings := []string{"PRAGMA temp_store = MEMORY", "PRAGMA cell_size_check = ON"}
	if write {
		settings = append(settings,
			"PRAGMA auto_vacuum = INCREMENTAL", // holds from the first table on
			"PRAGMA journal_mode = WAL",
			"PRAGMA synchronous = FULL",
			"PRAGMA wal_autocheckpoint = 0", // the writer does it after it has answered
			"PRAGMA journal_size_limit = 4194304",
		)
	} else {
		settings = append(settings, "PRAGMA query_only = ON")
	}
	for _, sql := range settings {
		if err := execute(conn, sql); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// What a connection is for.
const (
	openToWrite  = sqlite.OpenReadWrite | sqlite.OpenCreate
	openToRead   = sqlite.OpenReadWrite // beside one that writes
	openReadOnly = sqlite.OpenReadOnly
)

// execute runs a script once.
func execute(conn *sqlite.Conn, script string) error {
	for {
		stmt, rest, err := conn.PrepareTransient(script)
		if err != nil {
			return wrapSQLiteError(err)
		}
		for more := stmt != nil; more; {
			if more, err = stmt.Step(); err != nil {
				break
			}
		}
		if e := stmt.Finalize(); err == nil {
			err = e
		}
		if err != nil {
			return wrapSQLiteError(err)
		}
		if script = strings.TrimSpace(script[len(script)-rest:]); script == "" {
			return nil
		}
	}
}

// suspectSuffix is that of the file that marks a database as found damaged in use.
const suspectSuffix = ".suspect"

// markDamaged marks the database to be set aside at the next start if the error is damage.
// It returns the error.
func (s *SQLite) markDamaged(err error) error {
	if errors.Is(err, ErrDamaged) {
		s.damage.Do(func() { _ = os.WriteFile(s.path+suspectSuffix, []byte(err.Error()), 0o600) })
	}
	return err
}
