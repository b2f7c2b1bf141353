package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
	"rota/runner"
)

// narrow is the queue that the contract knows.
func narrow(name string) int {
	if name == ledgertest.Narrow {
		return ledgertest.Room
	}
	return 0
}

func TestMemory(t *testing.T) {
	ledgertest.Test(t, func(t *testing.T) ledger.Ledger {
		return ledger.NewMemory(ledger.Options{Queues: narrow})
	})
}

// finish adds, claims and finishes a run.
func finish(t testing.TB, book ledger.Ledger, id string, o runner.Outcome) {
	t.Helper()
	l := ledgertest.Short{Ledger: book}
	task, _ := runner.SplitID(id)
	if _, err := l.Submit(t.Context(), runner.Run{ID: id, Task: task, Cause: runner.CauseManual, State: runner.Queued}); err != nil {
		t.Fatal(err)
	}
	leases, err := l.Claim(t.Context(), []string{id})
	if err != nil || len(leases) != 1 {
		t.Fatal(leases, err)
	}
	if err := l.Finish(t.Context(), leases[0], runner.Result{Outcome: o}); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := ledgertest.Short{Ledger: ledger.NewMemory(ledger.Options{Now: func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }})}
	defer m.Close()
	for i := range 1005 {
		finish(t, m, fmt.Sprintf("a/%04d", i), runner.OK)
		if err := m.Event(t.Context(), ledger.Event{Kind: "reload", Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
		c, _ := m.Cursor(t.Context())
		at := time.Unix(int64(60*i), 0)
		_, err := m.Advance(t.Context(), c, ledger.Cursor{Epoch: 1, Through: at}, runner.Batch{Summaries: []runner.Run{{
			ID: runner.SlotID("a", at, 1), Task: "a", Outcome: runner.Missed, First: at, Last: at, Count: 1,
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	runs, err := m.List(t.Context(), ledger.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if first, last := runs[1].ID, runs[len(runs)-1].ID; len(runs) != 2000 || first != "a/1004" || last != "a/0005" {
		t.Errorf("%d rows, runs from %s to %s", len(runs), first, last)
	}
	events, err := m.Events(t.Context(), ledger.EventFilter{Limit: 5000})
	if err != nil {
		t.Fatal(err)
	}
	if first, last := events[0].Text, events[len(events)-1].Text; len(events) != 1000 || first != "5" || last != "1004" {
		t.Errorf("%d events, from %s to %s", len(events), first, last)
	}
}
