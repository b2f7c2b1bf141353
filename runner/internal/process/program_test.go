package process

import (
	"testing"
	"testing/synctest"
	"time"
)

// A positive answer is cached for a moment, and a negative one never.
func TestRecently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recentCache
		looks := 0
		look := func(so bool) func() bool { return func() bool { looks++; return so } }
		for i, c := range []struct {
			name     string
			mounted  int
			so, want bool
			wait     time.Duration
			looks    int
		}{
			{"a", 0, false, false, 0, 1},
			{"a", 0, true, true, 0, 2},
			{"a", 0, false, true, recentTTL, 2},
			{"b", 0, false, false, 0, 3},
			{"b", 0, true, true, 0, 4},
			{"a", 0, false, true, time.Millisecond, 4},
			{"a", 0, false, false, 0, 5},
			{"b", 0, false, false, 0, 6},
			{"a", 0, true, true, 0, 7},
			{"a", 1, true, true, 0, 8},
			{"a", 1, false, true, 0, 8},
		} {
			if got := r.check(c.mounted, c.name, look(c.so)); got != c.want || looks != c.looks {
				t.Errorf("%d: %s is %v after %d looks, want %v after %d", i, c.name, got, looks, c.want, c.looks)
			}
			time.Sleep(c.wait)
		}
	})
}
