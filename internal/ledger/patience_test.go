package ledger_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

// TestChangesThatCanWait: while many runs are under way, the ends that can wait are committed
// together, 10 ms after the last commit, or at once with a change that cannot wait.
func TestChangesThatCanWait(t *testing.T) {
	const patience = 10 * time.Millisecond
	for _, c := range []struct {
		runs    int // under way
		ends    int // at once, which can wait
		another bool
		took    time.Duration
	}{
		{runs: 15, ends: 10, took: 0},
		{runs: 16, ends: 1, took: patience},
		{runs: 40, ends: 30, took: patience},
		{runs: 40, ends: 30, another: true, took: 0},
		{runs: 100, ends: 64, took: 0},
	} {
		t.Run(fmt.Sprintf("%d of %d %v", c.ends, c.runs, c.another), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := open(t, dir)
				defer s.Close()
				var ids []string
				var runs []runner.Run
				for i := range c.runs {
					runs = append(runs, runner.Run{ID: fmt.Sprintf("a/%d", i), Task: "a", State: runner.Queued})
					ids = append(ids, runs[i].ID)
				}
				done, err := s.Commit(t.Context(), ledger.Change{Batch: runner.Batch{Runs: runs, Claim: ids}})
				if err != nil || len(done.Leases) != c.runs {
					t.Fatalf("%d leases, %v", len(done.Leases), err)
				}
				began := time.Now()
				answers := make(chan error, c.ends)
				for _, lease := range done.Leases[:c.ends] {
					go func() {
						end := ledger.End{Lease: lease, Result: runner.Result{Outcome: runner.OK, Finished: began}}
						_, err := s.Commit(t.Context(), ledger.Change{Ends: []ledger.End{end}, CanWait: true})
						answers <- err
					}()
				}
				if synctest.Wait(); c.another {
					if _, err := s.Commit(t.Context(), ledger.Change{Events: []ledger.Event{{Kind: "test"}}}); err != nil {
						t.Error(err)
					}
				}
				for range c.ends {
					if err := <-answers; err != nil {
						t.Error(err)
					}
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}
