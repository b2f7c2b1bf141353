package engine

import (
	"context"
	"errors"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
	"rota/schedule"
)

// rejectPast returns an error if the time of a request is in the past, unless a request with
// its id is recorded: a repeated request gets that run. The id may be "".
func (eng *Engine) rejectPast(ctx context.Context, id string, at, now time.Time) error {
	if at.IsZero() || now.Sub(at) <= lateTolerance {
		return nil
	}
	if id != "" {
		if _, _, err := eng.ledger.Get(ctx, id); !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
	}
	return api.Errorf(api.Usage, "omit the time to run it now", "%s is in the past", eng.formatTime(at))
}

// givenID returns the id that the client gave a request; "": none.
func givenID(run runner.Run, r api.Request) string {
	if r.Key == "" {
		return ""
	}
	return run.ID
}

// requestTime sets when a requested run starts, and its trigger.
func (eng *Engine) requestTime(ctx context.Context, run *runner.Run, r api.Request, now time.Time) error {
	at := r.At
	if r.In > 0 {
		at = now.Add(r.In)
	}
	if r.On != "" {
		spec, err := eng.parseTrigger(r.Task, r.On, now)
		if err != nil {
			return err
		}
		if run.On = spec.String(); spec.Kind() == schedule.Once {
			run.On, at = "", spec.Next(time.Time{})
		} else {
			if err := checkInterval(ctx, spec, now); err != nil {
				return err
			}
			run.State = runner.Recurring
		}
	}
	if err := eng.rejectPast(ctx, givenID(*run, r), at, now); err != nil {
		return err
	}
	if at.After(now) {
		run.State, run.NotBefore, run.Scheduled = runner.Delayed, at, at
	}
	return nil
}
