package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
	"rota/runner"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// memories is all that a ledger returns.
type memories struct {
	Cursor ledger.Cursor
	Runs   []runner.Run
	Steps  map[string][]runner.Transition
	States map[string]ledger.TaskState
	Past   map[string]ledger.Past
	Events []ledger.Event
}

func recall(l ledger.Reader, t testing.TB) (m memories, err error) {
	t.Helper()
	ctx := t.Context()
	m.Steps = map[string][]runner.Transition{}
	var errs [6]error
	m.Cursor, errs[0] = l.Cursor(ctx)
	m.Runs, errs[1] = l.List(ctx, ledger.Filter{})
	m.States, errs[2] = l.Tasks(ctx)
	m.Past, errs[3] = l.Past(ctx)
	m.Events, errs[4] = l.Events(ctx, ledger.EventFilter{Limit: 100})
	for _, r := range m.Runs {
		got, steps, err := l.Get(ctx, r.ID)
		if err == nil && !reflect.DeepEqual(got, r) {
			t.Errorf("get and list of %s differ:\n%+v\n%+v", r.ID, got, r)
		}
		m.Steps[r.ID] = steps
		errs[5] = errors.Join(errs[5], err)
	}
	return m, errors.Join(errs[:]...)
}

// fill writes something of every kind, with so many runs that ended, and
// returns the lease of one under way.
func fill(t testing.TB, book ledger.Ledger, runs int) ledger.Lease {
	l := ledgertest.Short{Ledger: book}
	t.Helper()
	ctx := t.Context()
	var errs []error
	slotRun := func(task string, at time.Time) runner.Run {
		return runner.Run{ID: runner.SlotID(task, at, 1), Task: task, Cause: runner.CauseSchedule, State: runner.Queued, Scheduled: at, Queued: at, Revision: "r1"}
	}
	_, err := l.Advance(ctx, ledger.Cursor{}, ledger.Cursor{Epoch: 1, Through: noon, Revision: "r1"}, runner.Batch{
		Runs: []runner.Run{slotRun("a", noon), slotRun("b", noon)},
		Summaries: []runner.Run{{
			ID: runner.SlotID("a", noon.Add(-9*time.Minute), 1), Task: "a", Cause: runner.CauseSchedule, Outcome: runner.Missed, Why: "rota was away",
			Scheduled: noon.Add(-9 * time.Minute), First: noon.Add(-9 * time.Minute), Last: noon.Add(-time.Minute), Count: 9, Finished: noon, Revision: "r1",
		}},
	})
	errs = append(errs, err)
	for i, s := range []runner.State{runner.Queued, runner.Held, runner.Recurring, runner.Delayed} {
		_, err := l.Submit(ctx, runner.Run{
			ID: fmt.Sprintf("a/%s", s), Task: "a", Cause: runner.CauseManual, State: s, Scheduled: noon, Queued: noon, Queue: ledgertest.Narrow, Priority: i - 1,
			NotBefore: noon.AddDate(100, 0, 0), On: "interval 3h", Params: map[string]string{"n": fmt.Sprint(i)}, Input: "in\x00put", Content: "c",
		})
		errs = append(errs, err)
	}
	for i := range runs {
		finish(t, l, fmt.Sprintf("a/%d", i), []runner.Outcome{runner.OK, runner.Failed, runner.Lost}[i%3])
	}
	errs = append(errs,
		l.SetTask(ctx, "a", ledger.TaskState{}, ledger.TaskState{FirstSeen: ledger.Seen{{Trigger: "interval 5m", At: noon}}, Hold: &ledger.Hold{By: "root", Since: noon}}),
		l.Event(ctx, ledger.Event{Time: noon, Kind: "start", Who: "root", Text: "1.0"}))
	leases, err := l.Claim(ctx, []string{runner.SlotID("b", noon, 1)})
	if errs = append(errs, err); errors.Join(errs...) != nil || len(leases) != 1 {
		t.Fatal(errors.Join(errs...), leases)
	}
	return leases[0]
}

func TestSQLiteRemembers(t *testing.T) {
	dir := directory(t)
	l := open(t, dir)
	if found := l.Found(); !reflect.DeepEqual(found, ledger.Found{New: true}) {
		t.Errorf("in an empty directory it found %+v", found)
	}
	old := fill(t, l, 20)
	before, err := recall(l, t)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	if found := l.Found(); !reflect.DeepEqual(found, ledger.Found{}) {
		t.Errorf("it found %+v", found)
	}
	after, err := recall(l, t)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("before:\n%+v\nafter:\n%+v", before, after)
	}
	inSummary, _, err := l.Get(t.Context(), runner.SlotID("a", noon.Add(-3*time.Minute), 1))
	if err != nil || inSummary.Count != 9 {
		t.Errorf("a slot inside a summary row: %+v, %v", inSummary, err)
	}

	// The lease of the old process is void, and its run can be adopted.
	if err := l.Note(t.Context(), old, runner.Transition{State: runner.Running}); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("renew of an old lease: %v", err)
	}
	running, err := l.List(t.Context(), ledger.Filter{States: []runner.State{runner.Running}})
	if err != nil || len(running) != 1 || !reflect.DeepEqual(running[0], old.Run) {
		t.Errorf("running: %+v, %v", running, err)
	}
	leases, err := l.Claim(t.Context(), []string{old.Run.ID})
	if err != nil || len(leases) != 1 || !reflect.DeepEqual(leases[0].Run, old.Run) {
		t.Fatalf("adopted: %+v, %v", leases, err)
	}
	if err := l.Finish(t.Context(), leases[0], runner.Result{Outcome: runner.OK}); err != nil {
		t.Error(err)
	}

	// Pending requests still count.
	ask := func(key string) error {
		_, err := l.Submit(t.Context(), runner.Run{ID: "a/" + key, Task: "a", Cause: runner.CauseManual, State: runner.Queued, Queue: ledgertest.Narrow})
		return err
	}
	if first, second := ask("n1"), ask("n2"); first != nil || !errors.Is(second, ledger.ErrQueueFull) {
		t.Errorf("two more in a queue with room for one: %v, %v", first, second)
	}
	c := after.Cursor
	if _, err := l.Advance(t.Context(), c, ledger.Cursor{Epoch: 1, Through: noon.Add(time.Minute), Revision: "r2"}, runner.Batch{}); err != nil {
		t.Errorf("advance from the cursor that was kept: %v", err)
	}
}

// copyDirectory returns a copy of a directory.
func copyDirectory(t testing.TB, from string) string {
	t.Helper()
	to := directory(t)
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestSQLiteSetsDamageAside(t *testing.T) {
	good := directory(t)
	l := open(t, good)
	fill(t, l, 20)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	name := "rota.db"
	for _, row := range []struct {
		what  string
		do    func(path string) error
		why   string
		aside bool // something is left to be set aside
	}{
		{"removed", os.Remove, "removed", false},
		{"removed, but for its log", func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path+"-wal", []byte("x"), 0o600))
		}, "removed", true},
		{"emptied", func(path string) error { return os.Truncate(path, 0) }, "emptied", true},
		{"cut", func(path string) error { return os.Truncate(path, 8192) }, "damaged", true},
		{"cut within a page", func(path string) error { return os.Truncate(path, 8192+100) }, "damaged", true},
		{"cut within the head", func(path string) error { return os.Truncate(path, 50) }, "damaged", true},
		{"something else", func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("rota"), 9999), 0o600) }, "damaged", true},
	} {
		t.Run(row.what, func(t *testing.T) {
			dir := copyDirectory(t, good)
			path := filepath.Join(dir, name)
			if err := row.do(path); err != nil {
				t.Fatal(err)
			}
			l := open(t, dir)
			found := l.Found()
			if !strings.Contains(found.Cause, row.why) || (found.SetAside != "") != row.aside || found.New {
				t.Errorf("found %+v", found)
			}
			if row.aside {
				if some, err := filepath.Glob(found.SetAside + "*"); len(some) == 0 || !strings.HasPrefix(found.SetAside, path+".damaged-") {
					t.Errorf("set aside as %s: %q, %v", found.SetAside, some, err)
				}
			}
			m, err := recall(l, t)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Events) != 1 || m.Events[0].Kind != "damage" || m.Events[0].Text != found.String() {
				t.Errorf("events: %+v", m.Events)
			}
			if m.Events = nil; len(m.Runs)+len(m.States) > 0 || m.Cursor != (ledger.Cursor{}) {
				t.Errorf("the new one remembers %+v", m)
			}
			fill(t, l, 3) // it can be used
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if found := open(t, dir).Found(); !reflect.DeepEqual(found, ledger.Found{}) {
				t.Errorf("the next time it found %+v", found)
			}
		})
	}
}

func TestSQLiteRefusesWhatANewerOneWrote(t *testing.T) {
	dir := directory(t)
	l := open(t, dir)
	if err := ledger.Migrated(l, "999-later.sql"); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := ledger.Open(t.Context(), dir, ledger.Options{})
	if err == nil || !strings.Contains(err.Error(), "999-later.sql") {
		t.Errorf("open: %v", err)
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "*damaged*")); len(aside) > 0 {
		t.Errorf("it was set aside as %q", aside)
	}
}
