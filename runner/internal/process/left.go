package process

import (
	"encoding/json"
	"os"
)

// Clear stops what is left of an attempt that nobody carries any more, and removes
// its files. It returns what it found, and what is still alive after KILL.
func (a Attempt) Clear(e Ending) (found, alive []Member) {
	files := leftAt(a.stem())
	defer files.close()
	t := a.left()
	if found = t.members(); len(found) == 0 {
		return nil, nil
	}
	files.ask()
	return found, t.end(e, nil)
}

// Alive returns what lives of an attempt.
func (a Attempt) Alive() []Member { return a.left().members() }

// left is the tree of an attempt, as far as it is recorded.
func (a Attempt) left() tree {
	t := tree{attempt: a}
	var id identity
	text, err := os.ReadFile(a.Dir().path("pid"))
	if err == nil && json.Unmarshal(text, &id) == nil {
		if leader, err := id.open(); err == nil {
			t.group = id.PID
			leader.pidfd.Close()
		}
	}
	return t
}
