package engine

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"rota/internal/api"
	"rota/internal/ledger"
)

// notNowLedger is a ledger whose errors are also errors of the API: while it cannot be written,
// clients get the hint to try again.
type notNowLedger struct{ ledger.Ledger }

func (a notNowLedger) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	done, err := a.Ledger.Commit(ctx, c)
	return done, notNowError(err)
}

func (a notNowLedger) Forget(ctx context.Context, f ledger.Filter) (int, error) {
	n, err := a.Ledger.Forget(ctx, f)
	return n, notNowError(err)
}

// notNowError adds an [api.Error] to the error of a disk or ledger that may work again later.
func notNowError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ledger.ErrDiskFull), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return unrecorded{err, api.Errorf(api.NotNow, "free disk space, and try again", "the ledger cannot be written: %v", err)}
	case errors.Is(err, ledger.ErrDamaged):
		return unrecorded{err, api.Errorf(api.NotNow, "try again in a moment", "the ledger cannot be written: %v", err)}
	case errors.Is(err, ledger.ErrClosed):
		return unrecorded{err, errStopping}
	}
	return err
}

// unrecorded is an error with an additional error for the client.
type unrecorded struct {
	error
	answer *api.Error
}

func (u unrecorded) Unwrap() []error { return []error{u.error, u.answer} }
