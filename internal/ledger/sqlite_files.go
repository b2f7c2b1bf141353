package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
)

// dbFileSuffixes are those of the database, its WAL and the index of that, which belong
// together.
var dbFileSuffixes = [...]string{"", walSuffix, "-shm"}

const walSuffix = "-wal"

// rememberFiles remembers which files are written to, and the size of the database, which
// only a checkpoint changes.
func (w *writer) rememberFiles() {
	for i, ending := range dbFileSuffixes {
		w.files[i], _ = os.Stat(w.s.path + ending)
	}
}

// checkFiles reports as damage that a file was removed, replaced or truncated while it is
// in use: what is written to it would be lost at the end of the process.
func (w *writer) checkFiles() error {
	for i, ending := range dbFileSuffixes {
		was := w.files[i]
		if was == nil {
			continue
		}
		what := ""
		is, err := os.Stat(w.s.path + ending)
		if ending == walSuffix && err == nil {
			w.wal.size = is.Size()
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			what = "was removed"
		case err != nil: // unknown
		case !os.SameFile(was, is):
			what = "was replaced"
		case ending == "" && is.Size() < was.Size():
			// Maybe by the checkpoint of another program, after a vacuum.
			if err := w.quickCheck(); err != nil {
				return err
			}
			w.rememberFiles()
		}
		if what != "" {
			return &storeError{fmt.Errorf("%w: %s %s while it was in use", ErrDamaged, filepath.Base(w.s.path)+ending, what)}
		}
	}
	return nil
}

// quickCheck has SQLite check the whole database on the disk.
func (w *writer) quickCheck() error {
	if err := execute(w.conn, "PRAGMA shrink_memory"); err != nil {
		return err
	}
	return query(w.conn, "PRAGMA quick_check(1)", nil, func(stmt *sqlite.Stmt) error {
		if text := stmt.ColumnText(0); text != "ok" {
			return &storeError{fmt.Errorf("%w: %s was truncated while it was in use: %s", ErrDamaged, filepath.Base(w.s.path), text)}
		}
		return nil
	})
}
