package schedule

import (
	"reflect"
	"time"
)

// Spec is one valid trigger: what [Parse] makes of its keys. It is one word
// long, never changes, and may be copied and shared. The zero Spec never fires.
type Spec struct{ p *plan }

// plan is what a Spec points to.
type plan struct {
	trigger
	*terms
	text string
	zone *time.Location // nil if no wall clock matters
	kind Kind
}

// terms are what few triggers have besides their arithmetic.
type terms struct {
	starts   int64 // the first instant that may be a slot
	ends     int64 // the first instant that may no longer be a slot; never: no end
	anchor   string
	delay    time.Duration // of at_start
	jitter   time.Duration
	eachRun  bool
	count    int // 0: no end
	warnings []Fault
}

// noTerms are those of all triggers that have none.
var noTerms = terms{starts: -never, ends: never}

// share returns terms that are like t.
func (t *terms) share() *terms {
	if reflect.DeepEqual(t, &noTerms) {
		return &noTerms
	}
	return t
}

// trigger is one kind's arithmetic, in Unix seconds.
type trigger interface {
	next(after int64) int64 // strictly after; never: none
	note(at int64) string   // of a slot
	means() string          // in plain English
	hours() window          // of the day in which slots may be
}

var _ Schedule = Spec{}

// Next returns the first slot strictly after the given instant, in UTC and on
// a whole second. The zero Time means none before the year
// 10000. An interval that is not bound to the instant it was first seen (see [Spec.From])
// counts from after itself. Next does not allocate, and takes much the same
// time whether the slot is a second or forty years away.
func (s Spec) Next(after time.Time) time.Time {
	if s.p == nil {
		return time.Time{}
	}
	t := s.p.slot(after.Unix())
	if t == never {
		return time.Time{}
	}
	return time.Unix(t, 0).UTC()
}

func (p *plan) slot(after int64) int64 {
	if after < p.starts {
		after = p.starts - 1
	}
	if t := p.next(after); t < p.ends && t < maxTime {
		return t
	}
	return never
}

// Note describes the slot at the given instant: its [Spec.ClockNote], and that it was
// "moved from " a day that except names.
func (s Spec) Note(at time.Time) string {
	note := s.ClockNote(at)
	if from := s.MovedFrom(at); from != "" {
		if note != "" {
			note += "; "
		}
		note += "moved from " + from
	}
	return note
}

// MovedFrom returns the day from which on_except moved the slot at the given
// instant, such as "Fri 2026-12-25", and how many more there are; "" if it was
// not moved, or the instant is not a slot.
func (s Spec) MovedFrom(at time.Time) string {
	if s.p == nil || at.Nanosecond() != 0 || s.p.slot(at.Unix()-1) != at.Unix() {
		return ""
	}
	if c, ok := s.p.trigger.(*calendar); ok && c.onExcept != "" {
		return c.movedFrom(at.Unix())
	}
	return ""
}

// ClockNote describes how a clock change affects the slot at the given instant:
//
//	""                        not at all, or the instant is not a slot
//	"gap: moved from 02:30"   the wall clock skips the slot's own time
//	"repeat: first pass"      the wall clock shows this time twice;
//	"repeat: second pass"     this is the earlier or the later of the two
func (s Spec) ClockNote(at time.Time) string {
	if s.p == nil || at.Nanosecond() != 0 || s.p.slot(at.Unix()-1) != at.Unix() {
		return ""
	}
	return s.p.note(at.Unix())
}

// String returns the trigger's canonical text, which [ParseExpr] reads:
//
//	weekday mon-fri at 09:00, 17:00
//
// The time zone is not in it. The zero Spec is the empty text.
func (s Spec) String() string {
	if s.p == nil {
		return ""
	}
	return s.p.text
}

// Kind returns the kind of the trigger.
func (s Spec) Kind() Kind {
	if s.p == nil {
		return None
	}
	return s.p.kind
}

// Zone returns the time zone of the trigger's wall clock; UTC if it uses
// none.
func (s Spec) Zone() *time.Location {
	if zone := s.WallClock(); zone != nil {
		return zone
	}
	return time.UTC
}

// WallClock returns the time zone of the trigger's wall clock; nil if it uses
// none, as most intervals do, a start of rota, and an instant with its offset.
func (s Spec) WallClock() *time.Location {
	if s.p == nil {
		return nil
	}
	return s.p.zone
}

// From binds an interval to the instant when it was first seen: its slots are seen,
// rounded up to a whole second, plus initial_delay and k intervals. An interval that
// starts at a fixed instant, and every other kind, returns itself.
func (s Spec) From(seen time.Time) Spec {
	if s.p == nil {
		return s
	}
	i, ok := s.p.trigger.(*interval)
	if !ok || i.bound {
		return s
	}
	p := *s.p
	first := seen.Unix()
	if seen.Nanosecond() > 0 {
		first++
	}
	p.trigger = i.from(first)
	return Spec{&p}
}

// AtStart returns "daemon" or "boot" for a trigger that fires at such a start, and ""
// for all others.
func (s Spec) AtStart() string {
	if s.p != nil {
		if t, ok := s.p.trigger.(atStart); ok {
			return string(t)
		}
	}
	return ""
}

// InitialDelay returns the time from a start of rota to the slot of an at_start trigger;
// 0 for all others.
func (s Spec) InitialDelay() time.Duration {
	if s.AtStart() == "" {
		return 0
	}
	return s.p.delay
}

// Anchor returns what an interval counts from: "start" or "finish", the end of
// the run before.
func (s Spec) Anchor() string {
	if s.p == nil || s.p.anchor == "" {
		return "start"
	}
	return s.p.anchor
}

// Jitter returns the longest delay of a start. It does not move slots.
func (s Spec) Jitter() time.Duration {
	if s.p == nil {
		return 0
	}
	return s.p.jitter
}

// EachRun reports whether jitter delays each slot by a different time, rather than all by
// the same.
func (s Spec) EachRun() bool { return s.p != nil && s.p.eachRun }

// Count returns after how many runs the trigger is over; 0: never. Next ignores it, as
// only the caller knows the runs.
func (s Spec) Count() int {
	if s.p == nil {
		return 0
	}
	return s.p.count
}

// Warnings returns faults that are valid but perhaps mistakes. Callers must not change them.
func (s Spec) Warnings() []Fault {
	if s.p == nil {
		return nil
	}
	return s.p.warnings
}

// Fixed reports whether the trigger names times of the day (rule 3): weekday,
// monthday and at triggers do, and cron ones whose minute and hour fields do not
// begin with "*". Changes of the clock are compensated only for these.
func (s Spec) Fixed() bool {
	if s.p == nil {
		return false
	}
	c, ok := s.p.trigger.(*calendar)
	return ok && c.fixed
}
