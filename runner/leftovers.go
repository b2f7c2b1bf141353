package runner

import (
	"time"

	"rota/runner/internal/process"
)

// Leftover is what processes that outlive their run still write: output is discarded, and
// a result is kept small.
type Leftover struct {
	Run   string
	What  string    // "output" or "result"
	Bytes int64     // written since the end of the run, as far as it was seen
	Since time.Time // the end of the run
	Last  time.Time // when it was seen to write last; zero: it was not
}

// Leftovers returns those of the runs of this process, the oldest first.
func (r *Runner) Leftovers() []Leftover {
	var all []Leftover
	for _, l := range process.Leftovers() {
		if l.Attempt.Run != "" && l.Attempt.StateDir == r.o.StateDir {
			all = append(all, Leftover{l.Attempt.Run, l.What, l.Bytes, l.Since, l.Last})
		}
	}
	return all
}
