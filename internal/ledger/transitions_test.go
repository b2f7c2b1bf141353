package ledger

import (
	"reflect"
	"testing"
	"time"

	"rota/runner"
)

func TestSteps(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)
	for what, steps := range map[string][]runner.Transition{
		"none":    nil,
		"a life":  {{Time: at, State: runner.Queued}, {Time: at.Add(time.Millisecond), State: runner.Running}, {Time: at.Add(time.Hour), Outcome: runner.Failed, Why: "exit 3"}},
		"retries": {{Time: at, State: runner.Delayed, Why: "exit 1", Until: at.Add(30 * time.Second)}, {Time: at.Add(-time.Hour), State: runner.Delayed, Until: at.Add(-time.Minute)}},
		"changed": {{Time: at, State: runner.Recurring}, {Time: at, State: runner.Recurring, Why: "changed", On: "interval 12s"}, {Time: at, State: runner.Recurring, Until: at, On: "\x00"}},
		"others":  {{Time: at, State: "dreaming"}, {Time: at, Outcome: "forgiven", Why: "\x00\xff"}},
		"the age": {{Time: time.UnixMicro(0).UTC(), State: runner.Held}, {Time: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), Outcome: runner.OK}},
	} {
		got, err := unpackTransitions(string(packTransitions(steps)))
		if err != nil || !reflect.DeepEqual(got, steps) {
			t.Errorf("%s: %v, %v, want %v", what, got, err, steps)
		}
	}
	life := []runner.Transition{{Time: at, State: runner.Queued}, {Time: at.Add(3 * time.Millisecond), State: runner.Running}, {Time: at.Add(time.Second), Outcome: runner.OK}}
	if n := len(packTransitions(life)); n > 20 {
		t.Errorf("a life takes %d bytes", n)
	}
}

func FuzzSteps(f *testing.F) {
	f.Add("")
	f.Add(string(packTransitions([]runner.Transition{{Time: time.UnixMicro(1).UTC(), State: runner.Delayed, Why: "x", Until: time.UnixMicro(5).UTC()}, {State: runner.Recurring, On: "interval 3h"}, {Outcome: "odd"}})))
	f.Fuzz(func(t *testing.T, packed string) {
		steps, err := unpackTransitions(packed)
		if err != nil {
			return
		}
		again, err := unpackTransitions(string(packTransitions(steps)))
		if err != nil || !reflect.DeepEqual(again, steps) {
			t.Errorf("%q is %v, then %v, %v", packed, steps, again, err)
		}
	})
}

// FuzzSlotOf holds the reading of ids against their writing.
func FuzzSlotOf(f *testing.F) {
	for _, id := range []string{"a/20261122T023000Z", "a/20261122T023000Z~2", "a/20260230T000000Z", "a/20261122T023000Z~02", "a/00000101T000000Z", "a/x", "a/k.20261122T023000Z", "a/k.l.20261122T023000Z~3"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		task, _ := runner.SplitID(id)
		s := slotOf(id)
		of := task
		if s.request != "" {
			of += "/" + s.request
		}
		if s.epoch > 0 && idAt(of, s.at, s.epoch) != id {
			t.Errorf("%q is read as %v", id, s)
		}
		if at, err := time.Parse(task+"/20060102T150405Z", id); s.epoch == 0 && err == nil && runner.SlotID(task, at, 1) == id {
			t.Errorf("%q is not read", id)
		}
		if back, _ := idOf(task, keyValue(id, s)); task != "" && len(id) > len(task)+1 && back != id {
			t.Errorf("%q comes back as %q", id, back)
		}
	})
}
