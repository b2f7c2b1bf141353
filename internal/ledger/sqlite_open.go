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

// Found is what [Open] found. The zero value is a ledger in good order.
type Found struct {
	New     bool     // there was none
	Why     string   // what was wrong with the one that was there before; "": nothing
	Aside   string   // where that was put; "": nothing of it was left
	Behind  string   // what of its newest part was lost; "": nothing is known to be
	Unsound []string // rows that are not believed, each with what is wrong with it
}

// String tells of the damage.
func (f Found) String() string {
	var parts []string
	switch {
	case f.Aside != "":
		parts = append(parts, fmt.Sprintf("the ledger was damaged (%s) and is set aside as %s; counting starts now", f.Why, f.Aside))
	case f.Why != "":
		parts = append(parts, fmt.Sprintf("the ledger is gone (%s); counting starts now", f.Why))
	}
	if f.Behind != "" {
		parts = append(parts, f.Behind)
	}
	for _, what := range f.Unsound {
		parts = append(parts, what+" and is not believed")
	}
	return strings.Join(parts, "; ")
}

// open opens the database, in the place of a damaged one if need be, and
// returns a writer that is ready to run.
func (s *SQLite) open() (*writer, error) {
	s.path = filepath.Join(s.files.StateDir, fileName)
	if err := os.MkdirAll(s.files.StateDir, 0o700); err != nil {
		return nil, err
	}
	w, err := s.inspect()
	if errors.Is(err, ErrDiskFull) && s.reserve.giveUp(time.Now()) {
		w, err = s.inspect()
	}
	if err == nil {
		s.reserve.take(time.Now())
	}
	return w, err
}

// inspect looks what is there, sets it aside if it is damaged, and loads it.
func (s *SQLite) inspect() (*writer, error) {
	s.found, s.names = Found{}, newNames()
	info, err := os.Stat(s.path)
	switch used := s.reserve.exists(); {
	case errors.Is(err, fs.ErrNotExist) && !used:
		s.found.New = true
		s.mark.remove()
		return s.load()
	case errors.Is(err, fs.ErrNotExist):
		s.found.Why = "it was removed"
	case err != nil:
		return nil, err
	case info.Size() == 0 && used:
		s.found.Why = "it was emptied"
	default:
		if why, err := os.ReadFile(s.path + suspectEnding); err == nil {
			s.found.Why = string(why)
			break
		}
		w, err := s.load()
		if err == nil || !isDamage(err) {
			return w, err
		}
		s.found, s.names = Found{Why: err.Error()}, newNames()
	}
	s.mark.remove()
	if s.found.Aside, err = setAside(s.path, instant(s.o.Now()).Format("20060102T150405Z")); err != nil {
		return nil, err
	}
	return s.load()
}

// isDamage reports whether an error at the opening means that the file is not
// what it was, and not that the disk or the rights are wrong.
func isDamage(err error) bool {
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
	for _, ending := range []string{"", "-wal", "-shm", suspectEnding} {
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
	// SQLite would make it for all to read.
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	conn, err := connect(s.path, toWrite)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, conn.Close())
		}
	}()
	w := &writer{s: s, conn: conn, waiting: map[string]int{}, tokens: map[string]string{}, summarized: map[int64]bool{}, log: logSize{step: checkpointBytes, most: mostLog}}
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
		s.found.Unsound = append(s.found.Unsound, s.describe(rec)+flaw(rec))
		return nil
	}
	err = skim(conn, s.names, "INDEXED BY runs_alive WHERE state IS NOT NULL", nil, unsound, func(r *row) error {
		if r.run.State == runner.Queued {
			w.waiting[r.run.Queue]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = query(conn, "SELECT name, version, state, sum FROM states", nil, func(stmt *sqlite.Stmt) error {
		var cells [4]cell
		if read(stmt, cells[:]); !sound(cells[:]) {
			s.found.Unsound = append(s.found.Unsound, "the state of "+cells[0].text+unmatched)
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
		s.found.Unsound = append(s.found.Unsound, "the cursor"+unmatched)
	}
	s.catchUp(w)
	s.cursor.Store(new(w.cursor))
	w.look()
	return w, nil
}
