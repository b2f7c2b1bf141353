package control

import (
	"sync"

	"rota/internal/api"
)

// How many event streams may be open at a time.
const (
	maxStreams        = 128
	reservedStreams   = 16 // of these, reserved for root and the user that rota runs as
	maxStreamsPerUser = 16 // of any other caller: a user, a token, the runs of a task
)

// streams counts open event streams by caller.
type streams struct {
	mu   sync.Mutex
	open map[string]int
	sum  int
}

// take counts one more stream until leave is called.
func (s *streams) take(whose string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.sum >= maxStreams, whose != "" && s.sum-s.open[""] >= maxStreams-reservedStreams:
		return nil, api.Errorf(api.NotNow, "try again later", "all event streams that rota serves are in use")
	case whose != "" && s.open[whose] >= maxStreamsPerUser:
		return nil, api.Errorf(api.NotNow, "close one", "%d event streams are open, which is all that one caller gets", maxStreamsPerUser)
	}
	if s.open == nil {
		s.open = map[string]int{}
	}
	s.open[whose]++
	s.sum++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.sum--; s.open[whose] == 1 {
			delete(s.open, whose)
		} else {
			s.open[whose]--
		}
	}), nil
}
