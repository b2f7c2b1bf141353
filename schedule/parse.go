package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// keyword is one key of a trigger.
type keyword struct {
	name  string
	list  bool // takes several values
	parse func(*builder, value)
	text  func(*builder) string // its values in canonical form; "": it is not in the canonical text
}

// keywords are all keys, in the order in which they are read and written.
var keywords = []keyword{
	{"timezone", false, (*builder).parseTimezone, func(*builder) string { return "" }},
	{"interval", false, (*builder).parseInterval, (*builder).intervalText},
	{"initial_delay", false, (*builder).parseDelay, (*builder).delayText},
	{"anchor", false, (*builder).parseAnchor, (*builder).anchorText},
	{"weekday", true, (*builder).parseWeekday, (*builder).weekdayText},
	{"monthday", true, (*builder).parseMonthday, (*builder).monthdayText},
	{"month", true, (*builder).parseMonth, (*builder).monthText},
	{"at", true, (*builder).parseAt, (*builder).atText},
	{"every", false, (*builder).parseEvery, (*builder).everyText},
	{"cron", false, (*builder).parseCron, func(d *builder) string { return d.cron.text }},
	{"once", false, (*builder).parseOnce, func(d *builder) string { return d.moment.text }},
	{"at_start", false, (*builder).parseAtStart, func(d *builder) string { return d.boot }},
	{"jitter", false, (*builder).parseJitter, (*builder).jitterText},
	{"each_run", false, (*builder).parseEachRun, (*builder).eachRunText},
	{"between", false, (*builder).parseBetween, (*builder).betweenText},
	{"except", true, (*builder).parseExcept, (*builder).exceptText},
	{"on_except", false, (*builder).parseOnExcept, (*builder).onExceptText},
	{"starts", false, (*builder).parseStarts, func(d *builder) string { return d.starts.text }},
	{"ends", false, (*builder).parseEnds, func(d *builder) string { return d.ends.text }},
	{"count", false, (*builder).parseCount, (*builder).countText},
}

// keywordNames are the names of all keys, in their order.
var keywordNames []string

func init() { // a key's parser may ask for the others
	for _, k := range keywords {
		keywordNames = append(keywordNames, k.name)
	}
}

// TriggerKeys returns the names of all keys of a trigger.
func TriggerKeys() []string { return slices.Clone(keywordNames) }

// value is one text of one key.
type value struct {
	key   string
	index int
	text  string
}

// fault complains about the bytes [start, end) of the value.
func (v value) fault(start, end int, hint, format string, args ...any) Fault {
	return Fault{Key: v.key, Index: v.index, Start: start, End: end, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// whole complains about all of the value.
func (v value) whole(hint, format string, args ...any) Fault {
	return v.fault(0, len(v.text), hint, format, args...)
}

// builder is a trigger that is being read.
type builder struct {
	keys   Keys
	zone   *time.Location
	faults []Fault
	warned []Fault

	every, delay int64 // seconds; 0 and -1: not given
	anchor       string
	weekdays     uint8
	monthdays    days
	months       uint64 // 0: not given
	at           []int32
	cron         cronLine
	moment       moment // of once
	boot         string
	jitter       time.Duration
	eachRun      bool
	window       window
	except       *except
	onExcept     string
	nth          int64 // of every; 0: not given
	count        int   // 0: not given
	starts, ends moment
}

func (d *builder) add(f Fault) { d.faults = append(d.faults, f) }

// Parse reads one trigger. zone is that of its wall clock unless the key
// timezone names another; nil is UTC. It returns all faults at once, and a Spec
// that never fires if there are any.
func Parse(k Keys, zone *time.Location) (Spec, []Fault) {
	if zone == nil {
		zone = time.UTC
	}
	d := &builder{keys: k, zone: zone, delay: -1, window: wholeDay}
	for _, w := range keywords {
		texts, given := k[w.name]
		switch {
		case given && len(texts) == 0:
			d.add(Fault{Key: w.name, Msg: w.name + " is an empty list", Hint: "remove it, or give it a value"})
		case len(texts) > 1 && !w.list:
			d.add(Fault{Key: w.name, Index: 1, Msg: w.name + " takes one value, not a list", Hint: "for several triggers write triggers = [{ … }, { … }]"})
		default:
			for i, text := range texts {
				w.parse(d, value{w.name, i, text})
			}
		}
	}
	d.unknown()
	kind := d.kind()
	if len(d.faults) > 0 {
		return Spec{}, d.faults
	}
	p := d.plan(kind)
	if len(d.faults) > 0 {
		return Spec{}, d.faults
	}
	p.warnings = d.warned
	p.terms = p.terms.share()
	return Spec{p}, nil
}

func (d *builder) has(key string) bool { _, ok := d.keys[key]; return ok }

func (d *builder) unknown() {
	var strange []string
	for key := range d.keys {
		if !slices.Contains(keywordNames, key) {
			strange = append(strange, key)
		}
	}
	slices.Sort(strange)
	for _, key := range strange {
		hint := "the keys of a trigger are " + strings.Join(keywordNames, ", ")
		if near := closest(key, keywordNames); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		d.add(Fault{Key: key, Msg: fmt.Sprintf("unknown key %q", key), Hint: hint})
	}
}

func (d *builder) parseTimezone(v value) {
	zone, fault := zoneOf(v.text)
	if fault != nil {
		d.add(v.whole(fault.Hint, "%s", fault.Msg))
		return
	}
	d.zone = zone
	if w := ZoneWarning(v.text); w != nil {
		d.warn(v.whole(w.Hint, "%s", w.Msg))
	}
}

// duration reads a duration of whole seconds.
func (d *builder) duration(v value) (length time.Duration, ok bool) {
	length, fault := duration(v.text)
	if fault != nil {
		fault.Key, fault.Index = v.key, v.index
		d.add(*fault)
	}
	return length, fault == nil
}

func (d *builder) parseJitter(v value) { d.jitter, _ = d.duration(v) }

func (d *builder) parseEachRun(v value) {
	switch v.text {
	case "true":
		d.eachRun = true
	case "false":
	default:
		d.add(v.whole("write true or false", "each_run cannot be %q", v.text))
	}
}
