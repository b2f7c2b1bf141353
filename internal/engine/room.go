package engine

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"rota/runner"
)

// What the disk of the state directory must have left. Outputs are given up first, then
// the start of forked runs; the rest is for the ledger.
const (
	// What the files of a forked run need at most before its process starts: they are
	// what a daemon that is killed finds it by.
	bytesToStart  = 64 << 10
	inodesToStart = 8
	// inodesToKeep is how many files there must be room for that outputs are kept.
	inodesToKeep = 16
)

// room is what a disk has left for rota.
type room struct{ bytes, inodes uint64 }

// roomIn looks at the disk of a directory. What cannot be told is as if there were
// plenty: who needs it will say what is wrong.
func roomIn(dir string) room {
	left := room{math.MaxUint64, math.MaxUint64}
	var disk unix.Statfs_t
	if dir == "" || unix.Statfs(dir, &disk) != nil {
		return left
	}
	left.bytes = disk.Bavail * uint64(disk.Bsize)
	if disk.Files > 0 {
		left.inodes = disk.Ffree
	}
	return left
}

// starts reports whether there is room for the files of n forked runs.
func (r room) starts(n uint64) bool {
	return r.bytes/bytesToStart >= n && r.inodes/inodesToStart >= n
}

// awaits says what the forked runs wait for that cannot start.
func (r room) awaits(dir string) string {
	left, need := fmt.Sprintf("%d KiB", r.bytes>>10), fmt.Sprintf("%d KiB", bytesToStart>>10)
	if r.inodes < inodesToStart {
		left, need = fmt.Sprintf("%d inodes", r.inodes), fmt.Sprint(inodesToStart)
	}
	return fmt.Sprintf("forked runs wait for room on the disk: the file system of %s has %s left, and a start needs %s; remove files there", dir, left, need)
}

// lacksRoom reports whether one more run of a task cannot start in this turn for want of
// room on the disk: a forked one, whose files come first. It waits until there is some.
func (eng *Engine) lacksRoom(task string) bool {
	if eng.cfg.Tasks[task].Mode != runner.Forked {
		return false
	}
	if eng.forking == 0 {
		eng.room = eng.roomLeft() // once in a decision, and only if it is about forked runs
	}
	eng.forking++
	if eng.room.starts(eng.forking) {
		return false
	}
	eng.roomAwaited = true
	return true
}

// forgetRoom is done before each decision, for [Engine.lacksRoom]. What the decision
// before that took of the room is seen by the next look.
func (eng *Engine) forgetRoom() { eng.forking, eng.roomAwaited = 0, false }

// awaitsRoom reports whether runs of a task would have to wait for room. It may be
// called from any goroutine.
func (eng *Engine) awaitsRoom(task string) bool {
	return eng.inForce.Load().Tasks[task].Mode == runner.Forked && !eng.roomLeft().starts(1)
}

// lacksInodes reports whether there is no room for the files of outputs.
func (eng *Engine) lacksInodes() bool { return eng.roomLeft().inodes < inodesToKeep }
