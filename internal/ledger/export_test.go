package ledger

import (
	"context"
	"os"
	"syscall"
	"testing"
)

// Directory is one in memory, where there is such, for syncing to a disk takes most
// of the time of a test.
func Directory(t testing.TB) string {
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

// Migrated notes a change of the tables that this program does not know.
func Migrated(s *SQLite, name string) error {
	return s.write(context.Background(), func(o *tx) error {
		return query(o.w.conn, "INSERT INTO migrations VALUES (?, 0)", []value{textOrNull(name)}, nil)
	})
}

// Unmigrated forgets a change of the tables.
func Unmigrated(s *SQLite, name string) error {
	return s.write(context.Background(), func(o *tx) error {
		return query(o.w.conn, "DELETE FROM migrations WHERE name = ?", []value{textOrNull(name)}, nil)
	})
}
