package process

import (
	"time"
)

// Clear stops what is left of an attempt that nobody executes any more, and removes
// its files. uid is that of the user of the run. It returns when nothing is left,
// with what it found and what did not die of KILL at once.
func (a Attempt) Clear(uid int, e Termination) (found, alive []Member) {
	files := staleFiles(a.stem())
	defer files.close()
	t := a.remainingTree(uid)
	if found = t.members(); len(found) > 0 {
		files.requestStop()
		alive = t.end(e, nil)
		t.awaitGone()
	}
	a.forgetProcess()
	return found, alive
}

// Alive returns what lives of an attempt. uid is that of the user of the run.
func (a Attempt) Alive(uid int) []Member {
	t := a.remainingTree(uid)
	return t.members()
}

// remainingTree is the process tree of an attempt, as far as it is recorded.
func (a Attempt) remainingTree(uid int) tree {
	t := tree{attempt: a, uid: uid}
	for _, read := range []func() (identity, error){a.identity, a.Dir().identity} {
		id, err := read()
		if err != nil {
			continue
		}
		if present, leads := id.leads(); leads {
			t.group = id.PID
			if !present {
				t.orphaned = &id
			} else if s, err := readStat(id.PID); err == nil {
				id.Started = s.started
			}
			t.seen = map[int]uint64{id.PID: id.Started}
			return t
		}
	}
	return t
}

// awaitGone waits for the end of what does not die of KILL, such as a process that
// waits for a disk.
func (t *tree) awaitGone() {
	for pause := 100 * time.Millisecond; len(t.members()) > 0; pause = min(2*pause, 5*time.Second) {
		<-time.After(pause)
	}
}
