package ledger_test

import (
	"testing"

	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
)

func TestSQLite(t *testing.T) {
	ledgertest.Test(t, func(t *testing.T) ledger.Ledger {
		l, err := ledger.Open(t.Context(), t.TempDir(), ledger.Options{Queues: narrow})
		if err != nil {
			t.Fatal(err)
		}
		return l
	})
}
