package engine

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"rota/internal/api"
	"rota/internal/ledger"
)

// answering is a ledger whose failures are answers, too: while it cannot record
// anything, who asks for a change is told to try again.
type answering struct{ ledger.Ledger }

func (a answering) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	done, err := a.Ledger.Commit(ctx, c)
	return done, tryAgain(err)
}

func (a answering) Forget(ctx context.Context, f ledger.Filter) (int, error) {
	n, err := a.Ledger.Forget(ctx, f)
	return n, tryAgain(err)
}

// tryAgain returns an error that, if it is of a disk or a ledger that may take the same
// later, is an [api.Error] besides what it was.
func tryAgain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ledger.ErrDiskFull), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return unrecorded{err, api.Errorf(api.NotNow, "make room, and try again", "nothing can be recorded: %v", err)}
	case errors.Is(err, ledger.ErrDamaged):
		return unrecorded{err, api.Errorf(api.NotNow, "try again in a moment", "nothing can be recorded: %v", err)}
	case errors.Is(err, ledger.ErrClosed):
		return unrecorded{err, errStopping}
	}
	return err
}

// unrecorded is an error with an answer to who asked.
type unrecorded struct {
	error
	answer *api.Error
}

func (u unrecorded) Unwrap() []error { return []error{u.error, u.answer} }
