package ledger

import (
	"encoding/json"
	"testing"
	"time"
)

// A record in the form of a map is read, and written in the same form.
func TestSeenIsAnObject(t *testing.T) {
	const text = `{"":"2026-11-22T12:00:00Z","at 09:00 (\"x\")":"2026-11-22T12:00:01.5Z","interval 5m":"2026-11-22T13:00:00Z"}`
	var asMap map[string]time.Time
	var seen Seen
	if err := json.Unmarshal([]byte(text), &asMap); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &seen); err != nil {
		t.Fatal(err)
	}
	for trigger, at := range asMap {
		if !seen.Of(trigger).Equal(at) {
			t.Errorf("%q was first seen at %v, want %v", trigger, seen.Of(trigger), at)
		}
	}
	again, err := json.Marshal(seen)
	if err != nil || string(again) != text {
		t.Errorf("written as %s, %v", again, err)
	}
	if !seen.Of("interval 6m").IsZero() {
		t.Error("a trigger was seen that never was")
	}
	var other Seen
	for _, trigger := range []string{"interval 5m", "", `at 09:00 ("x")`} {
		other.Set(trigger, time.Time{})
		other.Set(trigger, asMap[trigger].In(time.FixedZone("", 3600)))
	}
	if !other.Equal(seen) {
		t.Errorf("%v is not %v", other, seen)
	}
	if other.Set("interval 5m", time.Unix(0, 0)); other.Equal(seen) || other.Equal(seen[1:]) {
		t.Error("another one is equal")
	}
	if err := json.Unmarshal([]byte(`["interval 5m"]`), &seen); err == nil {
		t.Error("a list was read")
	}
}
