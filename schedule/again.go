package schedule

import "time"

// Again binds an interval whose anchor is "finish" to the end of a run: its next
// slot is one interval later, rounded up to a whole second. Every other trigger
// returns itself.
func (s Spec) Again(end time.Time) Spec {
	if s.Anchor() != "finish" {
		return s
	}
	i, ok := s.p.trigger.(*interval)
	if !ok {
		return s
	}
	again := *i
	again.delay, again.bound = again.every, false
	p := *s.p
	p.trigger = &again
	return Spec{&p}.From(end)
}
