package engine

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"rota/runner"
)

// What the disk of the state directory must have left. Without it first outputs are not
// kept, then no forked runs start; the rest is for the ledger.
const (
	// What the files of a forked run need at most before its process starts: by them
	// the next daemon finds the run after a kill.
	bytesToStart  = 64 << 10
	inodesToStart = 8
	// inodesToKeep is the number of free inodes without which outputs are not kept.
	inodesToKeep = 16
)

// room is the free space of a disk.
type room struct{ bytes, inodes uint64 }

// measureRoom returns the free space of the disk of a directory. If it cannot be read it counts
// as unlimited: writing will report the error.
func measureRoom(dir string) room {
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

// fits reports whether the disk has room for the files of n forked runs.
func (r room) fits(n uint64) bool {
	return r.bytes/bytesToStart >= n && r.inodes/inodesToStart >= n
}

// waitText returns what forked runs that cannot start wait for.
func (r room) waitText(dir string) string {
	left, need := fmt.Sprintf("%d KiB", r.bytes>>10), fmt.Sprintf("%d KiB", bytesToStart>>10)
	if r.inodes < inodesToStart {
		left, need = fmt.Sprintf("%d inodes", r.inodes), fmt.Sprint(inodesToStart)
	}
	return fmt.Sprintf("forked runs wait for room on the disk: the file system of %s has %s left, and a start needs %s; remove files there", dir, left, need)
}

// lacksRoom reports whether one more run of a task cannot start in this turn because the
// disk has no room for its files: only forked runs have files before they start. Such a run
// waits.
func (eng *Engine) lacksRoom(task string) bool {
	if eng.cfg.Tasks.Get(task).Mode != runner.Forked {
		return false
	}
	if eng.forkedStarts == 0 {
		eng.room = eng.freeRoom() // once for each decision, and only for forked runs
	}
	eng.forkedStarts++
	if eng.room.fits(eng.forkedStarts) {
		return false
	}
	eng.waitingForRoom = true
	return true
}

// resetRoom is called before each decision, for [Engine.lacksRoom], which then reads the
// free space again.
func (eng *Engine) resetRoom() { eng.forkedStarts, eng.waitingForRoom = 0, false }

// wouldLackRoom reports whether runs of a task would wait for room on the disk. It may be
// called from any goroutine.
func (eng *Engine) wouldLackRoom(task string) bool {
	return eng.inForce.Load().Tasks.Get(task).Mode == runner.Forked && !eng.freeRoom().fits(1)
}

// lacksInodes reports whether the disk has too few inodes to keep outputs.
func (eng *Engine) lacksInodes() bool { return eng.freeRoom().inodes < inodesToKeep }
