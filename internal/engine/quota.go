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

// Limits of the waiting requests of one user, for all tasks together. Users with the right to
// control all of rota are limited only by tasks and queues.
const (
	maxRequests     = 1000
	maxRequestBytes = 64 << 20 // of parameters and inputs; one request may always use input_max of its task
	maxRecurring    = 50
	// leastInterval is the shortest time between two runs of their recurring
	// requests.
	leastInterval = 10 * time.Second
)

// usage is the amount of waiting requests.
type usage struct {
	runs, recurring int
	bytes           int64 // of parameters and inputs
}

func (a usage) add(b usage) usage {
	return usage{a.runs + b.runs, a.recurring + b.recurring, a.bytes + b.bytes}
}

// quota limits the waiting requests of each user. The engine counts registered requests when
// one is admitted; those between admission and registration are counted here. Its zero value
// is ready to use.
type quota struct {
	mu    sync.Mutex
	users map[string]*userUsage // users with requests between admission and registration
	sizes map[string]int64      // sizes of input files, by path; belongs to the engine's goroutine
}

// userUsage is the usage of one user.
type userUsage struct {
	pending   usage // registered requests at the last count, and those registered since
	admitting usage // requests between admission and registration
	shares    int   // number of requests in admitting
}

// reservation is the part of its user's quota that a request uses until it is registered. It is
// nil for a user without limits.
type reservation struct {
	q    *quota
	user string
	usage
	limit   int64 // limit of the bytes of the user's requests, including this one
	pending bool  // the request was recorded
}

// reserve reserves a share for a request. waits is the usage of its user so far.
func (q *quota) reserve(user string, waits usage, run runner.Run, inputMax int64) (*reservation, error) {
	s := &reservation{q: q, user: user, usage: usageOf(run), limit: max(maxRequestBytes, inputMax+maxParamBytes)}
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.users[user]
	if u == nil {
		u = &userUsage{}
	}
	u.pending = waits
	more := s.usage
	switch all := waits.add(u.admitting).add(more); {
	case all.recurring > maxRecurring && more.recurring > 0:
		return nil, api.Errorf(api.NotNow, "cancel some: rota cancel RUN", "%s has %d recurring requests, which is the limit", user, maxRecurring)
	case all.runs > maxRequests:
		return nil, api.Errorf(api.NotNow, "cancel some: rota cancel --all TASK", "%d requests of %s are waiting, which is the limit", maxRequests, user)
	case all.bytes > s.limit:
		return nil, s.tooLarge()
	}
	if q.users == nil {
		q.users = map[string]*userUsage{}
	}
	q.users[user] = u
	u.admitting, u.shares = u.admitting.add(more), u.shares+1
	return s, nil
}

func (s *reservation) tooLarge() error {
	return api.Errorf(api.NotNow, "cancel some: rota cancel --all TASK", "the limit of %[2]d MiB for the parameters and inputs of all waiting requests of %[1]s is exceeded", s.user, s.limit>>20)
}

// grow reserves n more bytes.
func (s *reservation) grow(n int64) error {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	u := s.q.users[s.user]
	if u.pending.bytes+u.admitting.bytes+n > s.limit {
		return s.tooLarge()
	}
	u.admitting.bytes += n
	s.bytes += n
	return nil
}

// markPending notes that the request was recorded.
func (s *reservation) markPending() {
	if s != nil {
		s.pending = true
	}
}

// release releases the share: the request is registered now, or was refused.
func (s *reservation) release() {
	if s == nil {
		return
	}
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	u := s.q.users[s.user]
	u.admitting = u.admitting.add(usage{-s.runs, -s.recurring, -s.bytes})
	if s.pending {
		u.pending = u.pending.add(s.usage)
	}
	if u.shares--; u.shares == 0 {
		delete(s.q.users, s.user)
	}
}

// metered returns a reader that counts the bytes of an input in the share.
func (s *reservation) metered(from io.Reader) io.Reader {
	if s == nil || from == nil {
		return from
	}
	return &meteredReader{from, s}
}

type meteredReader struct {
	io.Reader
	reservation *reservation
}

func (m *meteredReader) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b)
	if over := m.reservation.grow(int64(n)); over != nil {
		return 0, over
	}
	return n, err
}

// accountOf returns the user whose quota a request uses: for a request by a run the user of
// the run; "" for one by rota itself.
func accountOf(run runner.Run) string {
	if strings.HasPrefix(run.Who, "run ") {
		return run.User
	}
	return run.Who
}

// usageOf returns the usage of a request, without an input in a file.
func usageOf(run runner.Run) usage {
	l := usage{runs: 1, bytes: int64(len(run.Input))}
	if run.On != "" {
		l.recurring = 1
	}
	for name, value := range run.Params {
		l.bytes += int64(len(name) + len(value))
	}
	return l
}

// sizeOf returns the size of an input file.
func (q *quota) sizeOf(path string) int64 {
	size, known := q.sizes[path]
	if !known {
		if info, err := os.Stat(path); err == nil {
			size = info.Size()
		}
		if q.sizes == nil || len(q.sizes) > 10*maxRequests {
			q.sizes = map[string]int64{}
		}
		q.sizes[path] = size
	}
	return size
}

// reserve reserves a share of the quota of the user who requests a run.
func (eng *Engine) reserve(ctx context.Context, run runner.Run) (*reservation, error) {
	account := accountOf(run)
	if _, bounded := api.Bounded(ctx); !bounded || account == "" {
		return nil, nil
	}
	var waits usage
	for r := range eng.view.Pending() {
		if r.Cause == runner.CauseManual && r.ID != run.ID && accountOf(*r) == account {
			waits = waits.add(usageOf(*r))
			if r.InputFile != "" {
				waits.bytes += eng.quota.sizeOf(r.InputFile)
			}
		}
	}
	return eng.quota.reserve(account, waits, run, eng.cfg.Tasks.Get(run.Task).InputMax)
}

// checkInterval returns an error if a trigger of a recurring request is due more often than
// its user may request.
func checkInterval(ctx context.Context, spec schedule.Spec, now time.Time) error {
	account, bounded := api.Bounded(ctx)
	if !bounded || !isMoreFrequent(spec, now, leastInterval) {
		return nil
	}
	return api.Errorf(api.Usage, "add a task with that trigger to the file", "%q is due more often than every %s, which is the limit for %s", spec, schedule.FormatDuration(leastInterval), account)
}

// isMoreFrequent reports whether a trigger has two slots closer together than least.
func isMoreFrequent(spec schedule.Spec, from time.Time, least time.Duration) bool {
	const aDay = 24 * time.Hour
	at := spec.Next(from)
	for range aDay / least { // slots that are close together occur on the first day, too
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
