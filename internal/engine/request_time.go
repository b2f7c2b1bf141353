package engine

import (
	"context"
	"errors"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
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
