package engine

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"rota/internal/api"
	"rota/runner"
	"rota/schedule"
)

// What one user may have waiting, of all tasks together. Who may control all of rota
// is bound by the tasks and queues alone.
const (
	maxAsked      = 1000
	maxAskedBytes = 64 << 20 // of parameters and inputs; one request may always have as much as its task takes
	maxRecurring  = 50
	// leastInterval is the shortest time between two runs of their recurring
	// requests.
	leastInterval = 10 * time.Second
)

// load is what waits of one user.
type load struct {
	runs, recurring int
	bytes           int64 // of parameters and inputs
}

func (a load) plus(b load) load {
	return load{a.runs + b.runs, a.recurring + b.recurring, a.bytes + b.bytes}
}

// quota bounds what each user has waiting. What waits is counted by the engine whenever
// it matters; between its admission and its place in the engine a request is counted
// here. Its zero value is ready to use.
type quota struct {
	mu    sync.Mutex
	users map[string]*usage // of those who are asking for something
	sizes map[string]int64  // of input files, by path; the engine's own
}

// usage is what one user has.
type usage struct {
	pending load // when the engine counted it last, and what it took in since
	asking  load // that is being asked for
	shares  int  // how many requests that is
}

// share is what a request takes of its user's quota until the engine has taken it in.
// That of somebody who is not bounded is nil.
type share struct {
	q    *quota
	user string
	load
	most int64 // bytes that the user may have waiting with this one
	kept bool  // the request waits from now on
}

// reserve takes a share for a request. What already waits of its user is waits.
func (q *quota) reserve(user string, waits load, run runner.Run, inputMax int64) (*share, error) {
	s := &share{q: q, user: user, load: loadOf(run), most: max(maxAskedBytes, inputMax+mostParams)}
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.users[user]
	if u == nil {
		u = &usage{}
	}
	u.pending = waits
	more := s.load
	switch all := waits.plus(u.asking).plus(more); {
	case all.recurring > maxRecurring && more.recurring > 0:
		return nil, api.Errorf(api.NotNow, "cancel some: rota cancel RUN", "%s has %d recurring requests, and may have no more", user, maxRecurring)
	case all.runs > maxAsked:
		return nil, api.Errorf(api.NotNow, "cancel some: rota cancel --all TASK", "%d requests of %s wait, and no more may", maxAsked, user)
	case all.bytes > s.most:
		return nil, s.tooLarge()
	}
	if q.users == nil {
		q.users = map[string]*usage{}
	}
	q.users[user] = u
	u.asking, u.shares = u.asking.plus(more), u.shares+1
	return s, nil
}

func (s *share) tooLarge() error {
	return api.Errorf(api.NotNow, "cancel some: rota cancel --all TASK", "the parameters and inputs of what waits of %s are %d MiB, and may be no more", s.user, s.most>>20)
}

// requestRetention takes n bytes more.
func (s *share) requestRetention(n int64) error {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	u := s.q.users[s.user]
	if u.pending.bytes+u.asking.bytes+n > s.most {
		return s.tooLarge()
	}
	u.asking.bytes += n
	s.bytes += n
	return nil
}

// keep says that the request waits from now on.
func (s *share) keep() {
	if s != nil {
		s.kept = true
	}
}

// release gives the share back: the engine counts the request now, or there is none.
func (s *share) release() {
	if s == nil {
		return
	}
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	u := s.q.users[s.user]
	u.asking = u.asking.plus(load{-s.runs, -s.recurring, -s.bytes})
	if s.kept {
		u.pending = u.pending.plus(s.load)
	}
	if u.shares--; u.shares == 0 {
		delete(s.q.users, s.user)
	}
}

// metered counts an input while it is read.
func (s *share) metered(from io.Reader) io.Reader {
	if s == nil || from == nil {
		return from
	}
	return &meter{from, s}
}

type meter struct {
	io.Reader
	share *share
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b)
	if over := m.share.requestRetention(int64(n)); over != nil {
		return 0, over
	}
	return n, err
}

// accountOf is the user to whom a request is counted: a run asks for the user that it
// runs as; "" is rota's own.
func accountOf(run runner.Run) string {
	if strings.HasPrefix(run.Who, "run ") {
		return run.User
	}
	return run.Who
}

// loadOf is what a request counts, but for an input in a file.
func loadOf(run runner.Run) load {
	l := load{runs: 1, bytes: int64(len(run.Input))}
	if run.On != "" {
		l.recurring = 1
	}
	for name, value := range run.Params {
		l.bytes += int64(len(name) + len(value))
	}
	return l
}

// sizeOf is the size of an input file.
func (q *quota) sizeOf(path string) int64 {
	size, known := q.sizes[path]
	if !known {
		if info, err := os.Stat(path); err == nil {
			size = info.Size()
		}
		if q.sizes == nil || len(q.sizes) > 10*maxAsked {
			q.sizes = map[string]int64{}
		}
		q.sizes[path] = size
	}
	return size
}

// reserve takes a share of the quota of who asks for a run.
func (eng *Engine) reserve(ctx context.Context, run runner.Run) (*share, error) {
	account := accountOf(run)
	if _, bounded := api.Bounded(ctx); !bounded || account == "" {
		return nil, nil
	}
	var waits load
	for r := range eng.view.Pending() {
		if r.Cause == runner.CauseManual && r.ID != run.ID && accountOf(*r) == account {
			waits = waits.plus(loadOf(*r))
			if r.InputFile != "" {
				waits.bytes += eng.quota.sizeOf(r.InputFile)
			}
		}
	}
	return eng.quota.reserve(account, waits, run, eng.cfg.Tasks[run.Task].InputMax)
}

// mayRecur refuses a trigger of a recurring request that comes due too often for who
// asks for it.
func mayRecur(ctx context.Context, spec schedule.Spec, now time.Time) error {
	account, bounded := api.Bounded(ctx)
	if !bounded || !oftener(spec, now, leastInterval) {
		return nil
	}
	return api.Errorf(api.Usage, "have a task with that trigger in the file", "%q comes due more often than every %s, which is what %s may ask for", spec, schedule.FormatDuration(leastInterval), account)
}

// oftener reports whether a trigger has two slots that are nearer than that.
func oftener(spec schedule.Spec, from time.Time, least time.Duration) bool {
	const aDay = 24 * time.Hour
	at := spec.Next(from)
	for range aDay / least { // where slots lie close they do so on their first day
		next := spec.Next(at)
		if next.IsZero() {
			return false
		}
		if next.Sub(at) < least {
			return true
		}
		at = next
	}
	return false
}
