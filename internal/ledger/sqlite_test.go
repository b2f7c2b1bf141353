package ledger_test

import (
	"os"
	"syscall"
	"testing"

	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
)

// folder is one in memory, where there is such, for syncing to a disk takes most
// of the time of a test.
func folder(t testing.TB) string {
	t.Helper()
	const shm, enough = "/dev/shm", 256 << 20
	var disk syscall.Statfs_t
	if err := syscall.Statfs(shm, &disk); err != nil || disk.Bavail*uint64(disk.Bsize) < enough {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(shm, "rota-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// open opens the ledger of a folder.
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
	ledgertest.Test(t, func(t *testing.T) ledger.Ledger { return open(t, folder(t)) })
}
