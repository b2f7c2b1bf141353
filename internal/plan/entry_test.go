package plan

import (
	"fmt"
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for i := range 1000 {
		task := fmt.Sprint("task", i)
		d := spread("machine", task, time.Minute)
		if d < 0 || d >= time.Minute || d%time.Second != 0 {
			t.Fatalf("%s: %v", task, d)
		}
		if d != spread("machine", task, time.Minute) {
			t.Fatal("not the same twice")
		}
		seen[d] = true
	}
	if len(seen) != 60 {
		t.Errorf("%d different delays of 60", len(seen))
	}
	if spread("machine", "t", 0) != 0 || spread("machine", "t", 500*time.Millisecond) != 0 {
		t.Error("no jitter must mean no delay")
	}
}
