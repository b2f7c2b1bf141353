package schedule

import (
	"fmt"
	"slices"
)

// Kind is the kind of a trigger.
type Kind uint8

// The kinds of trigger. None is the kind of the zero Spec, which never fires.
const (
	None     Kind = iota
	Interval      // interval, or cron = "@every …"
	Weekday       // weekday with at
	Monthday      // monthday with at, also together with weekday
	Daily         // at alone, or with month
	Cron          // cron
	Once          // once
	AtStart       // at_start
)

// kinds holds for each kind its name and the function that builds its arithmetic.
var kinds = [...]struct {
	name  string
	build func(d *builder, p *plan, w *wall)
}{
	None:     {"none", nil},
	Interval: {"interval", (*builder).buildInterval},
	Weekday:  {"weekday", (*builder).buildDays},
	Monthday: {"monthday", (*builder).buildDays},
	Daily:    {"daily", (*builder).buildDays},
	Cron:     {"cron", (*builder).buildCron},
	Once:     {"once", (*builder).buildOnce},
	AtStart:  {"at_start", (*builder).buildAtStart},
}

// String returns the kind's name: "interval", "weekday", "daily" and so on.
func (k Kind) String() string { return kinds[k].name }

// kindKey is a key that determines the kind of a trigger, with the keys that it allows.
type kindKey struct {
	key  string
	kind Kind
	with []string
}

var kindKeys = []kindKey{
	{"interval", Interval, []string{"initial_delay", "anchor", "weekday", "jitter", "each_run", "between", "except", "starts", "ends", "timezone", "count"}},
	{"weekday", Weekday, onDays},
	{"monthday", Monthday, onDays},
	{"month", Daily, onDays},
	{"at", Daily, onDays},
	{"cron", Cron, []string{"jitter", "each_run", "between", "except", "on_except", "starts", "ends", "timezone", "count"}},
	{"once", Once, []string{"jitter", "each_run", "timezone"}},
	{"at_start", AtStart, []string{"initial_delay", "jitter", "each_run"}},
}

var onDays = []string{"weekday", "monthday", "month", "at", "every", "jitter", "each_run", "between", "except", "on_except", "starts", "ends", "timezone", "count"}

// IsTrigger reports whether one of the keys makes a trigger, as "at" does; keys such as
// "timezone" only modify one.
func IsTrigger(keys []string) bool {
	return slices.ContainsFunc(kindKeys, func(h kindKey) bool { return slices.Contains(keys, h.key) })
}

// kind returns the kind that the keys make, and complains about keys that cannot be
// combined.
func (d *builder) kind() (kind Kind) {
	head := -1
	for i, h := range kindKeys {
		switch {
		case !d.has(h.key):
		case head < 0:
			head, kind = i, h.kind
		case slices.Contains(kindKeys[head].with, h.key):
			if h.kind == Monthday {
				kind = Monthday
			}
		default:
			d.add(Fault{Key: h.key, Msg: fmt.Sprintf("%s and %s are two triggers", kindKeys[head].key, h.key), Hint: "write triggers = [{ … }, { … }] for both, or remove one"})
			return None
		}
	}
	if head < 0 {
		d.missingKind()
		return None
	}
	for _, w := range keywords {
		if w.name == "each_run" && d.has("each_run") && !d.has("jitter") {
			d.add(Fault{Key: "each_run", Msg: "each_run needs jitter", Hint: `add jitter = "5m"`})
			continue
		}
		if w.name == "on_except" && d.has("on_except") && !d.has("except") {
			d.add(Fault{Key: "on_except", Msg: "on_except needs except", Hint: `add except = ["12-25", "01-01"]`})
			continue
		}
		if d.has(w.name) && w.name != kindKeys[head].key && !slices.Contains(kindKeys[head].with, w.name) {
			d.add(Fault{Key: w.name, Msg: fmt.Sprintf("%s does not go with %s", w.name, kindKeys[head].key), Hint: "remove it"})
		}
	}
	if slices.Contains(kindKeys[head].with, "at") && !d.has("at") {
		d.add(Fault{Key: kindKeys[head].key, Msg: kindKeys[head].key + " needs a time of day", Hint: `add at = "08:00"`})
	}
	return kind
}

func (d *builder) missingKind() {
	for _, w := range keywords {
		if !d.has(w.name) {
			continue
		}
		hint := "add interval, weekday, monthday, at, cron or once"
		switch w.name {
		case "initial_delay":
			hint = `add interval = "15m" or at_start = true`
		case "anchor":
			hint = `add interval = "15m"`
		case "every":
			hint = "add weekday, monthday or at, and starts"
		}
		d.add(Fault{Key: w.name, Msg: w.name + " alone is not a trigger", Hint: hint})
		return
	}
	if len(d.faults) == 0 {
		d.add(Fault{Msg: "empty trigger", Hint: "add interval, weekday, monthday, at, cron, once or at_start"})
	}
}
