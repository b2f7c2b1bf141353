package runner

import (
	"fmt"
	"testing"
)

func TestViewForgetsWhatEnded(t *testing.T) {
	var v View
	v.Add(testRun("a/1", Running, "q"))
	v.Add(testRun("a/2", Queued, "q"))
	v.Add(testRun("b/3", Held, "q"))
	for _, id := range []string{"a/20261122T030100Z", "a/20261122T030200Z"} {
		if _, ok := v.Remove(id); !ok {
			t.Errorf("%s was not there", id)
		}
		if _, ok := v.Remove(id); ok {
			t.Errorf("%s was there twice", id)
		}
	}
	if len(v.live)+len(v.waiting)+v.running["q"]+v.queued["q"]+v.total != 0 {
		t.Errorf("something is left: %+v", v)
	}
}

func BenchmarkDecide10000(b *testing.B) {
	v := &View{Policy: func(string) (Policy, bool) { return Policy{Overlap: OverlapSkip}, true }}
	slots := make([]Slot, 10000)
	for i := range slots {
		slots[i] = Slot{Task: fmt.Sprintf("task%d", i), Epoch: 1, First: minute(1), Last: minute(1), N: 1, Cause: CauseSchedule}
	}
	for b.Loop() {
		if n := len(Decide(slots, v, minute(1)).Claim); n != len(slots) {
			b.Fatal(n)
		}
	}
}
