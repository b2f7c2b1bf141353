package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// fileName is the ledger in the state directory.
const fileName = "rota.db"

// Found is what [Open] found. The zero value is an intact ledger.
type Found struct {
	New      bool     // there was none
	Cause    string   // what was wrong with the ledger that was there; "": nothing
	SetAside string   // where the damaged ledger is now; "": nothing was left of it
	Missing  string   // which part of its newest records was lost; "": none known
	Damaged  []string // rows that are ignored, each with what is wrong with it
}

// String describes the damage.
func (f Found) String() string {
	var parts []string
	switch {
	case f.SetAside != "":
		parts = append(parts, fmt.Sprintf("the ledger was damaged (%s) and is set aside as %s; the schedule starts now", f.Cause, f.SetAside))
	case f.Cause != "":
		parts = append(parts, fmt.Sprintf("the ledger is gone (%s); the schedule starts now", f.Cause))
	}
	if f.Missing != "" {
		parts = append(parts, f.Missing)
	}
	for _, what := range f.Damaged {
		parts = append(parts, what+" and is ignored")
	}
	return strings.Join(parts, "; ")
}

// open opens the database, or a new one if it is damaged, and returns a writer that is
// ready to run.
func (s *SQLite) open() (*writer, error) {
	s.path = filepath.Join(s.files.StateDir, fileName)
	if err := os.MkdirAll(s.files.StateDir, 0o700); err != nil {
		return nil, err
	}
	w, err := s.inspect()
	if errors.Is(err, ErrDiskFull) && s.reserve.release(time.Now()) {
		w, err = s.inspect()
	}
	if err == nil {
		s.reserve.take(time.Now())
	}
	return w, err
}

// inspect loads the database that is there, and sets it aside before that if it is damaged.
func (s *SQLite) inspect() (*writer, error) {
	s.found, s.names = Found{}, newNames()
	info, err := os.Stat(s.path)
	switch used := s.reserve.exists(); {
	case errors.Is(err, fs.ErrNotExist) && !used:
		s.found.New = true
		s.cursorCopy.remove()
		return s.load()
	case errors.Is(err, fs.ErrNotExist):
		s.found.Cause = "it was removed"
	case err != nil:
		return nil, err
	case info.Size() == 0 && used:
		s.found.Cause = "it was emptied"
	default:
		if why, err := os.ReadFile(s.path + suspectSuffix); err == nil {
			s.found.Cause = string(why)
			break
		}
		w, err := s.load()
		if err == nil || !isDamaged(err) {
			return w, err
		}
		s.found, s.names = Found{Cause: err.Error()}, newNames()
	}
	s.cursorCopy.remove()
	if s.found.SetAside, err = setAside(s.path, normalizeTime(s.o.Now()).Format("20060102T150405Z")); err != nil {
		return nil, err
	}
	return s.load()
}

// isDamaged reports whether an error of opening means that the file is damaged, and not
// that the disk fails or rights are missing.
func isDamaged(err error) bool {
	var failed *storeError
	if !errors.As(err, &failed) {
		return false
	}
	switch sqlite.ErrCode(failed.err).ToPrimary() {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB, sqlite.ResultError, sqlite.ResultSchema, sqlite.ResultMismatch, sqlite.ResultConstraint:
		return true
	}
	return false
}

// setAside renames a database, with what belongs to it, and returns its name.
func setAside(path, when string) (string, error) {
	aside := path + ".damaged-" + when
	for i := 2; ; i++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s.damaged-%s.%d", path, when, i)
	}
	left := ""
	for _, ending := range []string{"", "-wal", "-shm", suspectSuffix} {
		switch err := os.Rename(path+ending, aside+ending); {
		case err == nil:
			left = aside
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
	}
	return left, nil
}

// load opens the database and reads what the writer must know.
func (s *SQLite) load() (_ *writer, err error) {
	// SQLite would create it readable for all.
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	conn, err := connect(s.path, openToWrite)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, conn.Close())
		}
	}()
	w := &writer{s: s, conn: conn, waiting: map[string]int{}, tokens: map[string]string{}, summarized: map[int64]bool{}, wal: walSize{checkpointAt: checkpointBytes, max: maxWAL}}
	if err := migrate(conn, s.o.Now().UnixMicro()); err != nil {
		return nil, err
	}
	if err := checkSchema(conn); err != nil {
		return nil, err
	}
	if err := s.names.load(conn); err != nil {
		return nil, err
	}
	for sql, n := range map[string]*int64{"SELECT max(n) FROM runs": &w.last, "SELECT max(id) FROM names": &w.lastName, "SELECT max(n) FROM outbox": &w.lastNotice} {
		if err := query(conn, sql, nil, func(stmt *sqlite.Stmt) error { *n = stmt.ColumnInt64(0); return nil }); err != nil {
			return nil, err
		}
	}
	unsound := func(rec *record) error {
		s.found.Damaged = append(s.found.Damaged, s.describe(rec)+damageText(rec))
		return nil
	}
	err = scanRuns(conn, s.names, "INDEXED BY runs_alive WHERE state IS NOT NULL", nil, unsound, func(r *row) error {
		if r.run.State == runner.Queued {
			w.waiting[r.run.Queue]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = query(conn, "SELECT name, version, state, sum FROM states", nil, func(stmt *sqlite.Stmt) error {
		var values [4]value
		if read(stmt, values[:]); !checksumOK(values[:]) {
			s.found.Damaged = append(s.found.Damaged, "the state of "+values[0].text+checksumMismatch)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var ok bool
	if w.cursor, ok, err = readCursor(conn); err != nil {
		return nil, err
	}
	if !ok {
		s.found.Damaged = append(s.found.Damaged, "the cursor"+checksumMismatch)
	}
	s.restoreCursor(w)
	s.cursor.Store(new(w.cursor))
	w.rememberFiles()
	return w, nil
}
