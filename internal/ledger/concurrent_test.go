package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

// TestSQLiteInABubble proves that no goroutine is left behind, and that no clock
// but the given one counts.
func TestSQLiteInABubble(t *testing.T) {
	dir := directory(t)
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir)
		start := time.Now()
		for i := range 20 {
			finish(t, l, fmt.Sprintf("a/%d", i), runner.OK)
			time.Sleep(time.Second)
		}
		past, err := l.Past(t.Context(), "a")
		if want := start.Add(19 * time.Second); err != nil || !past["a"].Success.Equal(want) {
			t.Errorf("past: %v, %v, want %v", past, err, want)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestSQLiteAllAtOnce writes, reads, retains and at last closes, all at once.
func TestSQLiteAllAtOnce(t *testing.T) {
	l := open(t, directory(t))
	var writers, others sync.WaitGroup
	done := make(chan struct{})
	for w := range 8 {
		writers.Go(func() {
			for i := range 15 {
				finish(t, l, fmt.Sprintf("task-%d/%d", w, i), runner.OK)
			}
		})
	}
	loop := func(f func() error) {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	loop(func() error { _, err := l.List(t.Context(), ledger.Filter{Limit: 10}); return err })
	loop(func() error { _, err := l.Past(t.Context(), "task-3"); return err })
	loop(func() error {
		_, err := l.Retain(t.Context(), ledger.Retention{Task: func(string) ledger.Keep { return ledger.Keep{Runs: 5} }})
		return err
	})
	writers.Wait()
	close(done)
	others.Wait()
	if _, err := l.Retain(t.Context(), ledger.Retention{Task: func(string) ledger.Keep { return ledger.Keep{Runs: 5} }}); err != nil {
		t.Error(err)
	}
	runs, err := l.List(t.Context(), ledger.Filter{})
	if err != nil || len(runs) != 40 {
		t.Errorf("%d runs are left, want 5 of each of 8 tasks: %v", len(runs), err)
	}
}
