package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// The pending runs of a task that a reload removes are cancelled a few at a time: other
// inputs are handled in between.
func TestReloadCancelsInTurns(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		const many = 10 * batchSize
		ada := r.ada()
		for i := range many {
			if id := ada.run(api.Request{Key: fmt.Sprint("k", i), In: time.Hour}); id != fmt.Sprint("t/k", i) {
				t.Fatal(id)
			}
		}
		cfg, err := config.Parse(r.cfg.Path, "[rota]\ntimezone = \"America/New_York\"\n[tasks.other]\nlog = \"x\"\n", config.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var after, between []int // how many wait
		r.inLoop(func(ctx context.Context) error {
			err := r.swap(ctx, cfg, config.Diff(r.cfg, cfg), "")
			if n := r.view.CountParked("t"); n != many {
				t.Errorf("%d wait right after the reload, want all: the task may return", n)
			}
			r.cancelVanished(ctx, "t")
			after = append(after, r.view.CountParked("t"))
			r.post(func() { between = append(between, r.view.CountParked("t")) })
			return err
		})
		synctest.Wait()
		if after[0] < many-batchSize || len(between) != 1 || between[0] == 0 {
			t.Errorf("%v wait after the reload, %v in the turn after it", after, between)
		}
		runs, err := r.ledger.List(r.t.Context(), ledger.Filter{Task: "t", Outcomes: []runner.Outcome{runner.Cancelled}})
		if err != nil || len(runs) != many || r.view.CountParked("t") > 0 || runs[0].Reason.Code != runner.ReasonTaskGone {
			t.Errorf("%d cancelled, %d wait, %v", len(runs), r.view.CountParked("t"), err)
		}
	})
}

// Many concurrent requests that join a pending one get the same run.
func TestAgainAtTheSameTime(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[queues.q]\n[tasks.t]\nqueue = \"q\"\nlog = \"x\"\n", func(r *rig) {
		ada := r.ada()
		if _, err := ada.StopQueues(ada.ctx, "q"); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		ids := map[string]bool{}
		var wg sync.WaitGroup
		for range 24 {
			wg.Go(func() {
				run, err := ada.Request(ada.ctx, api.Request{Task: "t", Again: true}, nil)
				mu.Lock()
				defer mu.Unlock()
				if ids[run.ID] = true; err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(ids) != 1 {
			t.Errorf("%d runs: %v", len(ids), ids)
		}
	})
}

// A queue that others have filled meanwhile is no trouble with the ledger: the slot
// is skipped, with the reason.
func TestQueueFilledMeanwhile(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[queues.q]\ncapacity = 1\n[tasks.t]\ncron = \"* * * * *\"\nqueue = \"q\"\noverlap = \"allow\"\nlog = \"x\"\n", func(r *rig) {
		ada := r.ada()
		if _, err := ada.StopQueues(ada.ctx, "q"); err != nil {
			t.Fatal(err)
		}
		now := r.fake.Now()
		run := runner.Run{ID: "t/k", Task: "t", Cause: runner.CauseManual, State: runner.Queued, Scheduled: now, Queued: now, Queue: "q"}
		if _, err := short(r.ledger).Submit(r.t.Context(), run); err != nil { // not registered by the engine yet
			t.Fatal(err)
		}
		r.pass(time.Minute)
		runs, err := r.ledger.List(r.t.Context(), ledger.Filter{Task: "t", Outcomes: []runner.Outcome{runner.Skipped}})
		if err != nil || len(runs) != 1 || runs[0].Reason.Code != runner.ReasonQueueFull || r.recordError != "" {
			t.Errorf("%+v, %v, trouble %q", runs, err, r.recordError)
		}
	})
}

// timeless is a ledger that, while it fails, cannot even return the time.
type timeless struct {
	ledger.Ledger
	fails atomic.Bool
}

func (l *timeless) Now(ctx context.Context) (time.Time, error) {
	if l.fails.Load() {
		return time.Time{}, fmt.Errorf("now: %w", ledger.ErrDiskFull)
	}
	return l.Ledger.Now(ctx)
}

// The status can be queried whatever the state of the ledger.
func TestStatusWhileTheLedgerFails(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		book := &timeless{}
		r.wrap = func(l ledger.Ledger) ledger.Ledger { book.Ledger = l; return book }
		r.restart(0)
		book.fails.Store(true)
		r.inLoop(func(context.Context) error { return nil }) // a turn that fails
		status, err := r.ada().Status(r.t.Context())
		if err != nil || len(status.Trouble) == 0 {
			t.Errorf("%+v, %v", status, err)
		}
		book.fails.Store(false)
	})
}
