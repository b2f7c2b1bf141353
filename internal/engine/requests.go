package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// request requests a run. The input is read and the row committed by the caller's goroutine,
// not by the engine's, so that many requests are committed together.
func (eng *Engine) request(ctx context.Context, r api.Request, from io.Reader, who string) (runner.Run, error) {
	var run runner.Run
	var most int64
	var share *reservation
	err := eng.read(ctx, func() (err error) {
		if run, err = eng.admit(ctx, r, who); err != nil {
			return err
		}
		most = eng.cfg.Tasks.Get(r.Task).InputMax
		share, err = eng.reserve(ctx, run)
		return err
	})
	if err != nil {
		return run, err
	}
	defer eng.post(share.release) // after the posted registration
	run, err = eng.recordWithInput(ctx, r, run, share.metered(from), most)
	if err == nil {
		share.markPending()
		if r.In > 0 {
			eng.post(func() {
				if _, waits := eng.view.ParkedAs(run.ID, runner.Delayed); waits {
					eng.relativeStarts[run.ID] = true
				}
			})
		}
	}
	return run, err
}

// recordWithInput records an admitted request with its input.
func (eng *Engine) recordWithInput(ctx context.Context, r api.Request, run runner.Run, from io.Reader, most int64) (runner.Run, error) {
	var err error
	if r.Key == "" {
		var release func()
		if run.ID, release, err = eng.newID(ctx, r.Task); err != nil {
			return run, err
		}
		defer release()
	}
	in, err := eng.readInput(run, from, most)
	if err != nil {
		return run, err
	}
	defer in.discard()
	run.Content = requestDigest(r, in)
	if r.Key != "" {
		// Two requests with one id would write one file. The second gets the run of the
		// first, or is refused if it differs.
		release, err := eng.busyIDs.wait(ctx, run.ID)
		if err != nil {
			return run, err
		}
		defer release()
	}
	if !r.Again {
		return eng.submit(ctx, run, in, r.Key != "")
	}
	// In the engine's goroutine, so that concurrent requests find each other.
	err = eng.doWithoutCancel(ctx, func(ctx context.Context) (err error) {
		if there, ok := eng.pendingDuplicate(run); ok {
			run = there
			return nil
		}
		if run, err = eng.submit(ctx, run, in, r.Key != ""); err == nil {
			eng.registerRequest(run) // at once, for the next request
		}
		return err
	})
	return run, err
}

// registerQueued registers the queued requests in the ledger that are not registered yet,
// and reports whether there were any.
func (eng *Engine) registerQueued(ctx context.Context) bool {
	runs, err := eng.ledger.List(ctx, ledger.Filter{States: []runner.State{runner.Queued}})
	if err != nil {
		return false
	}
	fresh := false
	for _, run := range runs {
		if _, there := eng.view.Find(run.ID); !there {
			eng.registerRequest(run)
			_, registered := eng.view.Find(run.ID)
			fresh = fresh || registered
		}
	}
	return fresh
}

// newID returns a random id that no run of a task has, and reserves it until it is released:
// of many requests in one second two may get the same.
func (eng *Engine) newID(ctx context.Context, task string) (id string, release func(), err error) {
	for {
		id := task + "/" + runner.NewKey(eng.clock.Now())
		release, ok := eng.busyIDs.tryReserve(id)
		if !ok {
			continue
		}
		_, _, err := eng.ledger.Get(ctx, id)
		if errors.Is(err, ledger.ErrNotFound) {
			return id, release, nil
		}
		release()
		if err != nil {
			return "", nil, err
		}
	}
}

// pendingDuplicate returns a waiting request with the same content.
func (eng *Engine) pendingDuplicate(run runner.Run) (runner.Run, bool) {
	for _, r := range eng.view.Waiting(run.Task) {
		if !r.IsSlot() && r.Content == run.Content {
			return r, true
		}
	}
	return run, false
}

// submit records a request and posts its registration. given means that the client chose
// the id.
func (eng *Engine) submit(ctx context.Context, run runner.Run, in *input, given bool) (runner.Run, error) {
	there, _, err := eng.ledger.Get(ctx, run.ID)
	switch fresh := errors.Is(err, ledger.ErrNotFound); {
	case err != nil && !fresh:
		return run, err
	case fresh || replacesRecurring(there, run):
		if fresh && given { // the output and result of a forgotten run must not appear as those of this one
			if err := eng.files().Forget([]string{run.ID}, nil); err != nil {
				return run, err
			}
		}
		if run.Input, run.InputFile, err = in.save(); err != nil {
			return run, err
		}
	default: // the same request, or refused
		run.Input, run.InputFile = there.Input, there.InputFile
	}
	known, err := eng.commitRequest(ctx, run)
	if err != nil {
		eng.removeInput(run)
	}
	switch {
	case errors.Is(err, ledger.ErrExists):
		return run, api.Errorf(api.Conflict, "choose another id, or see what it is: rota show "+run.ID, "%s is taken by a request for something else", run.ID)
	case errors.Is(err, ledger.ErrQueueFull):
		return run, api.Errorf(api.NotNow, "try again later", "the queue %q is full", run.Queue)
	case err != nil:
		return run, err
	}
	eng.post(func() { eng.registerRequest(known) })
	return known, nil
}

// commitRequest records a requested run, and returns it as it is in the ledger.
func (eng *Engine) commitRequest(ctx context.Context, run runner.Run) (runner.Run, error) {
	done, err := eng.ledger.Commit(ctx, ledger.Change{Requests: []runner.Run{run}})
	if err != nil {
		return run, err
	}
	return done.Requests[0], nil
}

// removeInput removes the input of a request that the ledger refused.
func (eng *Engine) removeInput(run runner.Run) {
	if run.InputFile == "" {
		return
	}
	if _, _, err := eng.ledger.Get(context.Background(), run.ID); !errors.Is(err, ledger.ErrNotFound) {
		return // the file may belong to a recorded run
	}
	if err := os.Remove(run.InputFile); err != nil {
		eng.log.Warn("cannot remove the input of a request that was refused", "run", run.ID, "error", err)
	}
}

// replacesRecurring reports whether a recurring request replaces the one with its id, as it
// differs or that one has ended: only then the new input is used.
func replacesRecurring(there, run runner.Run) bool {
	if there.On == "" || run.State != runner.Recurring {
		return false
	}
	return there.Outcome != "" || there.State == runner.Recurring && there.Content != run.Content
}

// registerRequest registers a recorded request.
func (eng *Engine) registerRequest(run runner.Run) {
	if why, void := eng.voidReason(run); void {
		_ = eng.cancel(context.Background(), run, why)
		return
	}
	old, there := eng.view.Find(run.ID)
	_, leased := eng.leases.Load(run.ID)
	if there && old.State != runner.Recurring && old.State != runner.Held || leased {
		return // requested twice
	}
	switch run.State {
	case runner.Queued, runner.Delayed:
	case runner.Recurring, runner.Held:
		// It may have been cancelled or replaced meanwhile, which would not be noticed later.
		switch now, _, err := eng.ledger.Get(context.Background(), run.ID); {
		case errors.Is(err, ledger.ErrNotFound), err == nil && now.State != run.State:
			return
		case err == nil:
			run = now
		}
	default:
		return // it has ended
	}
	eng.register(run)
	eng.record(run)
}

// requestDigest returns a digest of the content of a request: the same id with the same
// digest is the same request.
func requestDigest(r api.Request, in *input) string {
	text, _ := json.Marshal([]any{r.At, r.In, r.On, r.Held, r.Params, in.digest})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
