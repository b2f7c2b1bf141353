package config

import (
	"fmt"
	"sync"
	"time"
)

// loadTime is how long the files of one [Load] may take to answer.
const loadTime = 10 * time.Second

// Limit bounds the time in which files are read. A path on a network mount whose
// server is gone may never answer. The read of it is then abandoned; until it returns,
// all other reads of the same Limit fail at once, so that never more than one hangs.
type Limit struct {
	time time.Duration // of one Load

	mu   sync.Mutex
	read *pendingRead // nil: none
}

// pendingRead is a read in progress.
type pendingRead struct {
	path string
	late bool // abandoned: its caller no longer waits
	done chan struct{}
}

// NewLimit returns a limit for the time that one [Load] may take.
func NewLimit(time time.Duration) *Limit { return &Limit{time: time} }

// Unanswered is the error for a path that did not answer in time.
type Unanswered struct {
	Path string
	Time time.Duration // the limit
}

func (u *Unanswered) Error() string {
	return fmt.Sprintf("%s did not answer within %v; is it on a network mount whose server is gone?", u.Path, u.Time)
}

// Answered returns a channel that is closed once no read is in progress.
func (l *Limit) Answered() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read != nil {
		return l.read.done
	}
	done := make(chan struct{})
	close(done)
	return done
}

// within calls f, which reads from a path, and returns its results, or an
// [*Unanswered] if f has not returned by until.
func within[T any](l *Limit, path string, until time.Time, f func() (T, error)) (T, error) {
	var none T
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	own, other := l.begin(path)
	for ; other != nil; own, other = l.begin(path) {
		select {
		case <-other.done:
		case <-l.waitLimit(other, late.C):
			return none, &Unanswered{other.path, l.time}
		}
	}
	var answer T
	var err error
	go func() {
		answer, err = f()
		l.mu.Lock()
		l.read = nil
		l.mu.Unlock()
		close(own.done)
	}()
	select {
	case <-own.done:
		return answer, err
	case <-late.C:
		l.mu.Lock()
		own.late = true
		l.mu.Unlock()
		return none, &Unanswered{path, l.time}
	}
}

// begin starts a read of the path and returns it as own. If another read is in
// progress, it returns that as other instead.
func (l *Limit) begin(path string) (own, other *pendingRead) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read != nil {
		return nil, l.read
	}
	l.read = &pendingRead{path: path, done: make(chan struct{})}
	return l.read, nil
}

// waitLimit returns the channel that ends the wait for another read: the channel late,
// or one that is ready at once if that read is abandoned.
func (l *Limit) waitLimit(other *pendingRead, late <-chan time.Time) <-chan time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !other.late {
		return late
	}
	now := make(chan time.Time, 1)
	now <- time.Time{}
	return now
}
