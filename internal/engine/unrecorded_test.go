package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
)

// full is a ledger that, while it fails, records nothing.
type full struct {
	ledger.Ledger
	err error
}

func (f *full) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	if f.err != nil {
		return ledger.Committed{}, fmt.Errorf("commit: %w", f.err)
	}
	return f.Ledger.Commit(ctx, c)
}

func (f *full) Forget(ctx context.Context, q ledger.Filter) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.Ledger.Forget(ctx, q)
}

// While nothing can be recorded every change is refused with the word to try again.
func TestTryAgainWhileNothingIsRecorded(t *testing.T) {
	const jobs = "[tasks.t]\nparams = { x = \"\" }\ncron = \"0 0 * * *\"\nlog = \"x\"\n[tasks.u]\nlog = \"x\"\n"
	inBubble(t, noon, jobs, func(r *rig) {
		book := &full{}
		r.wrap = func(l ledger.Ledger) ledger.Ledger { book.Ledger = l; return book }
		r.restart(0)
		ada := r.ada()
		waits := ada.run(api.Request{In: time.Hour})
		ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"u"}}))
		calls := []struct {
			name string
			call func(ctx context.Context) error
		}{
			{"run", func(ctx context.Context) error { _, err := ada.Request(ctx, api.Request{Task: "t"}, nil); return err }},
			{"run once", func(ctx context.Context) error {
				_, err := ada.Request(ctx, api.Request{Task: "t", Again: true}, nil)
				return err
			}},
			{"cancel", func(ctx context.Context) error { _, err := ada.Cancel(ctx, waits); return err }},
			{"cancel all", func(ctx context.Context) error { _, err := ada.CancelAll(ctx, "t"); return err }},
			{"hold", func(ctx context.Context) error {
				_, err := ada.Hold(ctx, api.Holding{Tasks: []string{"t"}})
				return err
			}},
			{"hold some", func(ctx context.Context) error {
				_, err := ada.Hold(ctx, api.Holding{Tasks: []string{"t", "u"}})
				return err
			}},
			{"release", func(ctx context.Context) error { _, err := ada.Release(ctx, "u"); return err }},
			{"reschedule", func(ctx context.Context) error {
				_, err := ada.Reschedule(ctx, api.Rescheduling{Name: "t", Expr: "interval 1h"})
				return err
			}},
			{"skip", func(ctx context.Context) error { _, err := ada.Skip(ctx, "t"); return err }},
			{"stop a queue", func(ctx context.Context) error { _, err := ada.StopQueues(ctx, "main"); return err }},
			{"forget", func(ctx context.Context) error { _, err := ada.Forget(ctx, api.Forgetting{Task: "t"}); return err }},
		}
		for _, err := range []error{ledger.ErrDiskFull, ledger.ErrDamaged} {
			r.inLoop(func(context.Context) error { book.err = err; return nil })
			for _, c := range calls {
				if got := c.call(ada.ctx); api.CodeOf(got) != api.NotNow {
					t.Errorf("%s while %v: %s %v", c.name, err, api.CodeOf(got), got)
				}
			}
		}
		r.inLoop(func(context.Context) error { book.err = nil; return nil })
	})
}

// Lack of room for an input is not an error of the client.
func TestNoRoomForInput(t *testing.T) {
	err := badInput(&errPath{syscall.ENOSPC})
	if api.CodeOf(err) != api.NotNow || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space") {
		t.Errorf("%s %v", api.CodeOf(err), err)
	}
}

type errPath struct{ error }

func (e *errPath) Unwrap() error { return e.error }
