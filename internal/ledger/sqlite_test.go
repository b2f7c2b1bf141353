package ledger_test

import (
	"testing"

	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
)

func directory(t testing.TB) string { return ledger.Directory(t) }

// open opens the ledger of a directory.
func open(t testing.TB, dir string) *ledger.SQLite {
	t.Helper()
	l, err := ledger.Open(t.Context(), dir, ledger.Options{Queues: narrow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestSQLite(t *testing.T) {
	ledgertest.Test(t, func(t *testing.T) ledger.Ledger { return open(t, directory(t)) })
}
