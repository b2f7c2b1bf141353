package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

// TestSQLiteIgnoresFlippedRows flips bits anywhere in the file. All rows that can be read
// afterwards are as written, and nothing panics.
func TestSQLiteIgnoresFlippedRows(t *testing.T) {
	good := directory(t)
	l := open(t, good)
	fill(t, l, 50)
	truth, err := recall(l, t)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	written := map[string]string{}
	for _, r := range truth.Runs {
		written[r.ID] = asJSON(t, r)
	}
	data, err := os.ReadFile(filepath.Join(good, "rota.db"))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d, %d bytes", seed, len(data))
	counts := map[string]int{}
	for range 25 {
		bit := rng.IntN(8 * len(data))
		dir := directory(t)
		flipped := bytes.Clone(data)
		flipped[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(filepath.Join(dir, "rota.db"), flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := ledger.Open(t.Context(), dir, ledger.Options{})
		if err != nil {
			t.Errorf("bit %d: open: %v", bit, err)
			continue
		}
		m, err := recall(l, t)
		damaged := errors.Is(err, ledger.ErrDamaged)
		switch {
		case damaged:
			counts["damaged"]++
		case err != nil && !errors.Is(err, ledger.ErrNotFound): // that is a flip in an index
			t.Errorf("bit %d: %v", bit, err)
		case l.Found().SetAside != "":
			counts["set aside"]++
		case len(m.Runs) < len(truth.Runs):
			counts["rows ignored"]++
		default:
			counts["nothing lost"]++
		}
		for _, r := range m.Runs {
			if asJSON(t, r) != written[r.ID] {
				t.Errorf("bit %d: returned %+v", bit, r)
			}
		}
		for name, s := range m.States {
			if !reflect.DeepEqual(s, truth.States[name]) {
				t.Errorf("bit %d: returned state %+v of %s", bit, s, name)
			}
		}
		if m.Cursor != truth.Cursor && m.Cursor != (ledger.Cursor{}) {
			t.Errorf("bit %d: returned cursor %+v", bit, m.Cursor)
		}
		_, err = l.Advance(t.Context(), m.Cursor, ledger.Cursor{Epoch: 1, Through: noon.Add(time.Hour)}, runner.Batch{Runs: []runner.Run{{
			ID: runner.SlotID("a", noon.Add(time.Hour), 1), Task: "a", State: runner.Queued,
		}}})
		if err != nil && !errors.Is(err, ledger.ErrDamaged) {
			t.Errorf("bit %d: advance: %v", bit, err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("bit %d: close: %v", bit, err)
		}
		if damaged {
			if found := open(t, dir).Found(); found.SetAside == "" || !strings.Contains(found.Cause, "damaged") {
				t.Errorf("bit %d: the next start found %+v", bit, found)
			}
		}
		os.RemoveAll(dir) // it is large
	}
	t.Log(counts)
}

// TestSQLiteSchemaFlips flips a bit in the declaration of the tables, where SQLite
// itself notices nothing: the opening does, and not the first query that needs it.
func TestSQLiteSchemaFlips(t *testing.T) {
	good := directory(t)
	l := open(t, good)
	fill(t, l, 5)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(good, "rota.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"who TEXT", "reach INTEGER", "max_rss", "CREATE TABLE events", "text TEXT,", "outbox (", "kind", // tables
		"runs_started", "started IS NOT", "finished, n, outcome", // indexes
	} {
		at := bytes.Index(data, []byte(text))
		if at < 0 {
			t.Errorf("%q is not in the file", text)
			continue
		}
		dir := directory(t)
		flipped := bytes.Clone(data)
		flipped[at] ^= 1
		if err := os.WriteFile(filepath.Join(dir, "rota.db"), flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := ledger.OpenRead(t.Context(), dir); !errors.Is(err, ledger.ErrDamaged) {
			t.Errorf("%q: offline: %v", text, err)
			if err == nil {
				r.Close()
			}
		}
		l, err := ledger.Open(t.Context(), dir, ledger.Options{})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if l.Found().SetAside == "" {
			t.Errorf("%q: the damage was not found", text)
		}
		if _, err := recall(l, t); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("%q: close: %v", text, err)
		}
	}
}

func asJSON(t testing.TB, v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
