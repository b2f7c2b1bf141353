package process

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Leftover is what processes that outlive their run still write: output is discarded, and
// a result is kept small.
type Leftover struct {
	Attempt
	What  string    // "output" or "result"
	Bytes int64     // written since the end of the run, as far as it was seen
	Since time.Time // the end of the run
	Last  time.Time // when it was seen to write last; zero: it was not
}

// leftovers are those of this process.
var leftovers = struct {
	sync.Mutex
	all map[*leftover]Leftover
}{all: map[*leftover]Leftover{}}

// leftover is a handle of one.
type leftover struct{ _ byte }

// leftover says that what is left of a process may write to what, until done is called.
func (l Launch) leftover(what string) *leftover {
	h := &leftover{}
	leftovers.Lock()
	defer leftovers.Unlock()
	leftovers.all[h] = Leftover{Attempt: l.Attempt, What: what, Since: time.Now()}
	return h
}

func (h *leftover) wrote(n int64) {
	if n == 0 {
		return
	}
	leftovers.Lock()
	defer leftovers.Unlock()
	l := leftovers.all[h]
	l.Bytes += n
	l.Last = time.Now()
	leftovers.all[h] = l
}

func (h *leftover) done() {
	leftovers.Lock()
	defer leftovers.Unlock()
	delete(leftovers.all, h)
}

// Leftovers returns those that this process knows, in the order of the ends of their
// runs.
func Leftovers() []Leftover {
	leftovers.Lock()
	all := slices.Collect(maps.Values(leftovers.all))
	leftovers.Unlock()
	slices.SortFunc(all, func(a, b Leftover) int { return a.Since.Compare(b.Since) })
	return all
}
