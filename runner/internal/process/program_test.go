package process

import (
	"testing"
	"testing/synctest"
	"time"
)

// What is so is believed for a moment, and what is not so is looked for each time.
func TestRecently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recentCache
		looks := 0
		look := func(so bool) func() bool { return func() bool { looks++; return so } }
		for i, c := range []struct {
			name     string
			so, want bool
			wait     time.Duration
			looks    int
		}{
			{"a", false, false, 0, 1},
			{"a", true, true, 0, 2},
			{"a", false, true, recentTTL, 2},
			{"b", false, false, 0, 3},
			{"b", true, true, 0, 4},
			{"a", false, true, time.Millisecond, 4},
			{"a", false, false, 0, 5},
			{"b", false, false, 0, 6},
		} {
			if got := r.check(c.name, look(c.so)); got != c.want || looks != c.looks {
				t.Errorf("%d: %s is %v after %d looks, want %v after %d", i, c.name, got, looks, c.want, c.looks)
			}
			time.Sleep(c.wait)
		}
	})
}
