package engine

import (
	"context"
	"errors"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// notPast refuses a time, of a request with an id or "", that is over already. Who asks
// a second time for what was asked for in time learns what became of it.
func (eng *Engine) notPast(ctx context.Context, id string, at, now time.Time) error {
	if at.IsZero() || now.Sub(at) <= lateAfter {
		return nil
	}
	if id != "" {
		if _, _, err := eng.ledger.Get(ctx, id); !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
	}
	return api.Errorf(api.Usage, "leave the time out to run it now", "%s is in the past", eng.formatTime(at))
}

// idOf is the id that somebody gave a request; "" if nobody did.
func idOf(run runner.Run, r api.Request) string {
	if r.Key == "" {
		return ""
	}
	return run.ID
}
