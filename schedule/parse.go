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
	parse func(*draft, value)
	text  func(*draft) string // its values in canonical form; "": it is not in the canonical text
}

// keywords are all keys, in the order in which they are read and written.
var keywords = []keyword{
	{"timezone", false, (*draft).parseTimezone, func(*draft) string { return "" }},
	{"interval", false, (*draft).parseInterval, (*draft).intervalText},
	{"initial_delay", false, (*draft).parseDelay, (*draft).delayText},
	{"anchor", false, (*draft).parseAnchor, (*draft).anchorText},
	{"weekday", true, (*draft).parseWeekday, (*draft).weekdayText},
	{"monthday", true, (*draft).parseMonthday, (*draft).monthdayText},
	{"month", true, (*draft).parseMonth, (*draft).monthText},
	{"at", true, (*draft).parseAt, (*draft).atText},
	{"cron", false, (*draft).parseCron, func(d *draft) string { return d.cron.text }},
	{"once", false, (*draft).parseOnce, func(d *draft) string { return d.moment.text }},
	{"at_start", false, (*draft).parseAtStart, func(d *draft) string { return d.boot }},
	{"jitter", false, (*draft).parseJitter, (*draft).jitterText},
	{"between", false, (*draft).parseBetween, (*draft).betweenText},
	{"except", true, (*draft).parseExcept, (*draft).exceptText},
	{"starts", false, (*draft).parseStarts, func(d *draft) string { return d.starts.text }},
	{"ends", false, (*draft).parseEnds, func(d *draft) string { return d.ends.text }},
}

// keywordNames are the names of all keys, in their order.
var keywordNames []string

func init() { // a key's parser may ask for the others
	for _, k := range keywords {
		keywordNames = append(keywordNames, k.name)
	}
}

// TriggerKeys returns the names of the keys of a trigger: all that [Parse]
// knows.
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

// draft is a trigger while it is being read.
type draft struct {
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
	window       window
	except       *except
	starts, ends moment
}

func (d *draft) add(f Fault) { d.faults = append(d.faults, f) }

// Parse reads one trigger. zone is that of its wall clock unless the key
// timezone names another; nil is UTC. It returns all faults at once, and a Spec
// that never fires if there are any.
func Parse(k Keys, zone *time.Location) (Spec, []Fault) {
	if zone == nil {
		zone = time.UTC
	}
	d := &draft{keys: k, zone: zone, delay: -1, window: wholeDay}
	for _, w := range keywords {
		texts, given := k[w.name]
		switch {
		case given && len(texts) == 0:
			d.add(Fault{Key: w.name, Msg: w.name + " is an empty list", Hint: "give it a value or leave it out"})
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
	return Spec{p}, nil
}

func (d *draft) has(key string) bool { _, ok := d.keys[key]; return ok }

func (d *draft) unknown() {
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

func (d *draft) parseTimezone(v value) {
	zone, fault := zoneOf(v.text)
	if fault != nil {
		d.add(v.whole(fault.Hint, "%s", fault.Msg))
		return
	}
	d.zone = zone
}

// duration reads a duration, which is one of whole seconds.
func (d *draft) duration(v value) (length time.Duration, ok bool) {
	length, fault := duration(v.text)
	if fault != nil {
		fault.Key, fault.Index = v.key, v.index
		d.add(*fault)
	}
	return length, fault == nil
}

func (d *draft) parseJitter(v value) { d.jitter, _ = d.duration(v) }
