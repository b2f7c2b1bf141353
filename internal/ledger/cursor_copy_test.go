package ledger_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

// A ledger that lost its newest part while it was not in use reports that, and continues
// from the position that it had reached.
func TestLostLogIsNoticed(t *testing.T) {
	dir := directory(t)
	l := open(t, dir)
	ahead := time.Time{}
	move := func(l *ledger.SQLite, to ledger.Cursor) {
		t.Helper()
		from, err := l.Cursor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Commit(t.Context(), ledger.Change{Batch: runner.Batch{Ahead: ahead}, Cursor: &ledger.CursorMove{From: from, To: to}}); err != nil {
			t.Fatal(err)
		}
	}
	move(l, ledger.Cursor{Epoch: 1, Through: noon, Revision: "r"})
	if err := l.Close(); err != nil { // which puts all of the log into the database
		t.Fatal(err)
	}
	early := copyDirectory(t, dir)
	l = open(t, dir)
	for _, row := range []struct {
		what string
		to   ledger.Cursor
	}{
		{"later", ledger.Cursor{Epoch: 1, Through: noon.Add(time.Hour), Revision: "r"}},
		{"after the clock was set back", ledger.Cursor{Epoch: 2, Through: noon.Add(-time.Hour), Revision: "r", Reach: noon.Add(time.Hour)}},
	} {
		move(l, row.to)
		whole, lost := copyDirectory(t, dir), copyDirectory(t, dir)
		for _, ending := range []string{"-wal", "-shm"} {
			if err := os.Remove(filepath.Join(lost, "rota.db"+ending)); err != nil {
				t.Fatal(err)
			}
		}
		if found := open(t, whole).Found(); !reflect.DeepEqual(found, ledger.Found{}) {
			t.Errorf("%s, nothing lost: found %+v", row.what, found)
		}
		behind := open(t, lost)
		c, err := behind.Cursor(t.Context())
		if found := behind.Found(); err != nil || !strings.Contains(found.String(), "has lost") || c.Epoch != row.to.Epoch || !c.Through.Equal(row.to.Through) {
			t.Errorf("%s, log lost: found %+v, the cursor is %+v, %v", row.what, found, c, err)
		}
		move(behind, ledger.Cursor{Epoch: c.Epoch, Through: c.Through.Add(time.Minute), Revision: "r"})
		if err := behind.Close(); err != nil {
			t.Fatal(err)
		}
		if found := open(t, lost).Found(); !reflect.DeepEqual(found, ledger.Found{}) {
			t.Errorf("%s, the next time: found %+v", row.what, found)
		}
	}
	ahead = noon.Add(2*time.Hour + time.Second)
	move(l, ledger.Cursor{Epoch: 2, Through: noon.Add(2 * time.Hour), Revision: "r", Reach: noon.Add(time.Hour)})
	lost := copyDirectory(t, dir)
	for _, ending := range []string{"-wal", "-shm"} {
		if err := os.Remove(filepath.Join(lost, "rota.db"+ending)); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := open(t, lost).Cursor(t.Context()); err != nil || !c.Through.Equal(ahead) {
		t.Errorf("slots recorded ahead of the cursor: it is %+v, %v, want %v", c, err, ahead)
	}
	// A copy that is older, torn or missing is ignored.
	for _, text := range []string{"", "x", "0000000009 99999999999999999999 00000000\n", "0000000009 99999999999999999999 99999999999999999999 00000000\n"} {
		if err := os.WriteFile(filepath.Join(early, "rota.mark"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, early)
		if found := l.Found(); !reflect.DeepEqual(found, ledger.Found{}) {
			t.Errorf("with the copy %q: found %+v", text, found)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
