package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"rota/internal/ledger"
	"rota/runner"
)

// openRead opens the ledger of a directory to be read.
func openRead(t testing.TB, dir string) ledger.Reader {
	t.Helper()
	r, err := ledger.OpenRead(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// TestOpenRead reads what a ledger left that was closed, or killed, and changes
// nothing.
func TestOpenRead(t *testing.T) {
	dir := directory(t)
	l := open(t, dir)
	fill(t, l, 20)
	output(t, dir, "a", "1.1.log", 5, 0)
	want, err := recall(l, t)
	if err != nil {
		t.Fatal(err)
	}
	killed := copyDirectory(t, dir) // all is in the log of the database
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for what, dir := range map[string]string{"closed": dir, "killed": killed} {
		before, err := os.ReadFile(filepath.Join(dir, "rota.db"))
		if err != nil {
			t.Fatal(err)
		}
		r := openRead(t, dir)
		got, err := recall(r, t)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n%+v, want\n%+v", what, err, got, want)
		}
		if all, err := r.Newest(t.Context()); err != nil || all["a"].ID != "a/19" || all["b"].State != runner.Running {
			t.Errorf("%s: newest %v, %v", what, all, err)
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Error(err)
		}
		if _, err := r.Cursor(t.Context()); err == nil {
			t.Errorf("%s: a closed reader reads", what)
		}
		after, err := os.ReadFile(filepath.Join(dir, "rota.db"))
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the database was written to, %v", what, err)
		}
		if found := open(t, dir).Found(); found.String() != "" {
			t.Errorf("%s: the next start found %v", what, found)
		}
	}
}

// TestOpenReadBesideAWriter sees what is written after it was opened, also under
// names that are new.
func TestOpenReadBesideAWriter(t *testing.T) {
	dir := directory(t)
	l := open(t, dir)
	fill(t, l, 3)
	r := openRead(t, dir)
	for i := range 3 {
		id := fmt.Sprintf("new-%d/x", i)
		finish(t, l, id, runner.OK)
		if got, _, err := r.Get(t.Context(), id); err != nil || got.Outcome != runner.OK {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
	want, err := recall(l, t)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := recall(r, t); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v, want\n%+v", err, got, want)
	}
	if err := l.Close(); err != nil { // while r has it open
		t.Fatal(err)
	}
	if got, err := recall(r, t); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("after the writer has gone: %v\n%+v, want\n%+v", err, got, want)
	}
	l = open(t, dir)
	finish(t, l, "again/x", runner.Failed)
	if got, _, err := r.Get(t.Context(), "again/x"); err != nil || got.Outcome != runner.Failed {
		t.Errorf("with the next writer: %+v, %v", got, err)
	}
}

func TestOpenReadRefuses(t *testing.T) {
	good := directory(t)
	l := open(t, good)
	fill(t, l, 20)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		what string
		do   func(dir, path string) error
		want error
		says string
	}{
		{"removed", func(_, path string) error { return os.Remove(path) }, fs.ErrNotExist, ""},
		{"emptied", func(_, path string) error { return os.Truncate(path, 0) }, ledger.ErrDamaged, "empty"},
		{"cut within the head", func(_, path string) error { return os.Truncate(path, 50) }, ledger.ErrDamaged, ""},
		{"cut within a page", func(_, path string) error { return os.Truncate(path, 4096+100) }, ledger.ErrDamaged, ""},
		{"something else", func(_, path string) error { return os.WriteFile(path, bytes.Repeat([]byte("rota"), 9999), 0o600) }, ledger.ErrDamaged, ""},
		{"of a newer rota", func(dir, _ string) error {
			l := open(t, dir)
			return errors.Join(ledger.Migrated(l, "999-later.sql"), l.Close())
		}, ledger.ErrVersion, "999-later.sql"},
		{"of an older rota", func(dir, _ string) error {
			l := open(t, dir)
			return errors.Join(ledger.Unmigrated(l, "008-past.sql"), l.Close())
		}, ledger.ErrVersion, "older"},
		{"with a migration lost from its list", func(dir, _ string) error {
			l := open(t, dir)
			return errors.Join(ledger.Unmigrated(l, "002-asked.sql"), l.Close())
		}, ledger.ErrDamaged, "002-asked.sql"},
		{"with a misspelt migration in its list", func(dir, _ string) error {
			l := open(t, dir)
			return errors.Join(ledger.Unmigrated(l, "008-past.sql"), ledger.Migrated(l, "008-pats.sql"), l.Close())
		}, ledger.ErrDamaged, "008-pats.sql"},
	} {
		t.Run(row.what, func(t *testing.T) {
			dir := copyDirectory(t, good)
			if err := row.do(dir, filepath.Join(dir, "rota.db")); err != nil {
				t.Fatal(err)
			}
			r, err := ledger.OpenRead(t.Context(), dir)
			if err == nil { // the damage may be where only a read notices it
				_, err = recall(r, t)
				r.Close()
			}
			if !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error: %v", err)
			}
			if aside, _ := filepath.Glob(filepath.Join(dir, "*damaged*")); len(aside) > 0 {
				t.Errorf("it was set aside as %q", aside)
			}
		})
	}
}
