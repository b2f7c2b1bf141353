package ledgertest

import (
	"context"
	"sync/atomic"

	"rota/internal/ledger"
)

// Full is a ledger whose disk is full while it is said to be: it does not move the
// cursor then.
type Full struct {
	ledger.Ledger
	Full     atomic.Bool
	Attempts atomic.Int32 // to move the cursor while it was full
}

// Commit implements [ledger.Ledger].
func (f *Full) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	if c.Cursor != nil && f.Full.Load() {
		f.Attempts.Add(1)
		return ledger.Committed{}, ledger.ErrDiskFull
	}
	return f.Ledger.Commit(ctx, c)
}
