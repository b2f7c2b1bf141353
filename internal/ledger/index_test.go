package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"rota/internal/ledger"
	"rota/runner"
)

// TestTruncatedIndex: the index of the WAL is truncated while the ledger is open. Reads
// and writes continue, and nothing is lost or set aside.
func TestTruncatedIndex(t *testing.T) {
	dir := directory(t)
	l := open(t, dir)
	index := filepath.Join(dir, "rota.db-shm")
	fill(t, l, 200)
	for i, size := range []int64{0, 1, 100, 4096, 5000, 32767, 0} {
		if size >= 4096 { // so that there is something to truncate
			if _, err := l.Newest(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		truth, err := recall(l, t)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(index, size); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // a reader notices it first, or a writer
			if m, err := recall(l, t); err != nil || !reflect.DeepEqual(m, truth) {
				t.Errorf("%d bytes: read: %v", size, err)
			}
		}
		finish(t, l, fmt.Sprintf("cut/%d", i), runner.OK)
		runs, err := l.List(t.Context(), ledger.Filter{})
		if err != nil || len(runs) != len(truth.Runs)+1 {
			t.Errorf("%d bytes: %d runs after %d, %v", size, len(runs), len(truth.Runs), err)
		}
	}
	truth, err := recall(l, t)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(index, 0); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if found := again.Found().String(); found != "" {
		t.Errorf("found %s", found)
	}
	if m, err := recall(again, t); err != nil || !reflect.DeepEqual(m, truth) {
		t.Errorf("opened again: %v", err)
	}
}
