package runner

import (
	"slices"

	"rota/runner/internal/process"
)

// Leftover is what processes that outlive their run still write.
type Leftover = process.Leftover

// Leftovers returns those of the runs of this process, the oldest first.
func (r *Runner) Leftovers() []Leftover {
	return slices.DeleteFunc(process.Leftovers(), func(l Leftover) bool { return l.Run == "" || l.StateDir != r.o.StateDir })
}
