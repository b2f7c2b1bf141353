package ledger

import (
	"os"
	"syscall"
)

// allocate takes room for a file at once, where the file system can do that.
func allocate(f *os.File, size int64) error { return syscall.Fallocate(int(f.Fd()), 0, 0, size) }
