package schedule

import "time"

// Kind tells what a trigger is made of.
type Kind uint8

// The kinds of trigger. None is the kind of the zero Spec, which never fires.
const (
	None     Kind = iota
	Interval      // interval, @every
	Weekday       // weekday with at
	Monthday      // monthday with at, also together with weekday
	Daily         // at alone, or with month
	Cron          // cron
	Once          // once
	AtStart       // at_start
)

var kindNames = [...]string{"none", "interval", "weekday", "monthday", "daily", "cron", "once", "at_start"}

// String returns the kind's name: "interval", "weekday", "daily" and so on.
func (k Kind) String() string { return kindNames[k] }

// Spec is one valid trigger. It is small, never changes, and may be copied and
// shared; the zero Spec never fires.
type Spec struct{ p *plan }

type plan struct{ kind Kind }

// TriggerKeys names the keys that make up a trigger.
var TriggerKeys = []string{"interval", "initial_delay", "weekday", "monthday", "month", "at", "cron", "once", "at_start", "timezone"}

func Parse(k Keys, zone *time.Location) (Spec, []Fault)          { return Spec{}, nil }
func ParseExpr(text string, zone *time.Location) (Spec, []Fault) { return Spec{}, nil }
func ParseExprAt(text string, zone *time.Location, now time.Time) (Spec, []Fault) {
	return Spec{}, nil
}
func Duration(text string) (time.Duration, error) { return time.ParseDuration(text) }
func FormatDuration(d time.Duration) string       { return d.String() }
func Zone(name string) (*time.Location, error)    { return time.LoadLocation(name) }
func (s Spec) Next(after time.Time) time.Time     { return time.Time{} }
func (s Spec) Note(at time.Time) string           { return "" }
func (s Spec) String() string                     { return "" }
func (s Spec) Equal(o Spec) bool                  { return s == o }
func (s Spec) Kind() Kind                         { return None }
func (s Spec) Zone() *time.Location               { return time.UTC }
func (s Spec) From(seen time.Time) Spec           { return s }
func (s Spec) AtStart() string                    { return "" }
func (s Spec) Explain() string                    { return "" }
func (s Spec) Warnings() []Fault                  { return nil }
func (s Spec) Anchor() string                     { return "start" }
func (s Spec) Jitter() time.Duration              { return 0 }
