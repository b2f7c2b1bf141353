package engine

import (
	"golang.org/x/sys/unix"

	"rota/runner"
)

// roomToStart is what the files of a forked run need at most before its process
// starts: they are what a daemon that is killed finds it by.
const roomToStart = 64 << 10

// lacksRoom reports whether the runs of a task cannot start for want of room on the
// disk: forked ones, whose files come first. They wait until there is some.
func (l *loop) lacksRoom(task string) bool {
	if l.cfg.Tasks[task].Mode != runner.Forked {
		return false
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(l.stateDir, &disk); err != nil {
		return false // the start will say what is wrong
	}
	noInodes := disk.Files > 0 && disk.Ffree == 0
	if disk.Bavail*uint64(disk.Bsize) >= roomToStart && !noInodes {
		return false
	}
	l.roomAwaited = true
	return true
}
