package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ParseExpr reads a trigger that is typed rather than configured: a cron line,
// an alias, or keys as words, lists with commas.
//
//	0 3 * * *
//	@daily
//	interval 3h
//	weekday mon-fri at 08:00, 17:00
//	monthday 1, last fri at 08:00
//	once 2026-12-24T18:00
//
// Faults count bytes in text and name no key.
func ParseExpr(text string, zone *time.Location) (Spec, []Fault) {
	return ParseExprAt(text, zone, time.Time{})
}

// ParseExprAt is [ParseExpr] at a known time, so that it also reads "in 5m".
func ParseExprAt(text string, zone *time.Location, now time.Time) (Spec, []Fault) {
	e := &expr{text: text, keys: Keys{}, at: map[string][]span{}}
	if e.read(now); e.faults != nil {
		return Spec{}, e.faults
	}
	s, faults := Parse(e.keys, zone)
	for i := range faults {
		faults[i] = e.place(faults[i])
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return a.Start - b.Start })
	if p := s.p; p != nil && p.warnings != nil {
		for i, w := range p.warnings {
			p.warnings[i] = e.place(w)
		}
	}
	return s, faults
}

// expr turns words into keys, and keeps the position of each.
type expr struct {
	text   string
	keys   Keys
	at     map[string][]span
	faults []Fault
}

func (e *expr) fault(at span, hint, format string, args ...any) {
	e.faults = append(e.faults, Fault{Start: at.start, End: at.end, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// place moves a fault of a key to its bytes in the text.
func (e *expr) place(f Fault) Fault {
	at := span{0, len(e.text)}
	if v := e.at[f.Key]; f.Index < len(v) {
		at = v[f.Index]
	}
	if f.Start != 0 || f.End != 0 {
		at = span{at.start + f.Start, at.start + f.End}
	}
	f.Key, f.Index, f.Start, f.End = "", 0, at.start, at.end
	return f
}

func (e *expr) put(key string, at span) {
	e.keys[key] = append(e.keys[key], e.text[at.start:at.end])
	e.at[key] = append(e.at[key], at)
}

func (e *expr) read(now time.Time) {
	w := words(e.text)
	if len(w) == 0 {
		e.fault(span{0, len(e.text)}, `write "0 3 * * *", "interval 3h" or "weekday mon-fri at 08:00"`, "empty trigger")
		return
	}
	first := e.text[w[0].start:w[0].end]
	switch {
	case first == "in":
		e.readIn(w, now)
		return
	case first == "every" && e.readsEvery(w[1:]):
	case !isKeyword(first) && !isCron(first), first == "every":
		e.unexpectedWord(w[0], first)
		return
	}
	for i := 0; i < len(w); {
		key, end := e.text[w[i].start:w[i].end], i+1
		if i == 0 && isCron(first) {
			key, end = "cron", i
		}
		name := w[i]
		i = end
		if key == "every" && e.keys[key] == nil {
			if n := e.readEvery(w[i:]); e.faults != nil {
				return
			} else if n > 0 {
				i += n
				continue
			}
		}
		for end < len(w) && (!isKeyword(e.text[w[end].start:w[end].end]) || end == i && e.text[w[end].start:w[end].end] == "every") {
			end++ // "interval every 5m" is no trigger with every
		}
		switch {
		case e.keys[key] != nil:
			e.fault(name, "separate its values with commas", "duplicate %s", key)
			return
		case end == i:
			e.fault(name, "write its value after it", "%s has no value", key)
			return
		}
		e.values(key, span{w[i].start, w[end-1].end})
		i = end
	}
}

// isCron reports whether a trigger that begins with this word is a cron line.
func isCron(word string) bool {
	return !isLetter(word[0]) || strings.HasPrefix(word, "TZ=") || strings.HasPrefix(word, "CRON_TZ=") || jenkinsHash.MatchString(strings.ToUpper(word))
}

func isKeyword(word string) bool {
	return slices.ContainsFunc(keywords, func(k keyword) bool { return k.name == word })
}

// values splits what follows a key at its commas. Those of a cron line belong
// to the line.
func (e *expr) values(key string, at span) {
	if key == "cron" {
		e.put(key, at)
		return
	}
	start := at.start
	for i := at.start; i <= at.end; i++ {
		if i < at.end && e.text[i] != ',' {
			continue
		}
		item := span{start, i}
		for item.start < item.end && isBlank(e.text[item.start]) {
			item.start++
		}
		for item.start < item.end && isBlank(e.text[item.end-1]) {
			item.end--
		}
		e.put(key, item)
		start = i + 1
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func (e *expr) unexpectedWord(at span, word string) {
	var names []string
	for _, k := range keywords {
		names = append(names, k.name)
	}
	hint := "begin with interval, weekday, monthday, at, cron, once or in, or write a cron line"
	lower := strings.ToLower(word)
	short := lower[:min(3, len(lower))]
	switch near := closest(word, names); {
	case lower == "every":
		hint = `write "interval 15m"`
		if near := suggestDuration(e.text[at.start:]); near != "" {
			hint = fmt.Sprintf("write %q", "interval "+near)
		} else if w := words(e.text[at.end:] + " x"); len(w) > 1 { // a word follows it
			if day := lowerShort(e.text[at.end+w[0].start : at.end+w[0].end]); slices.Contains(weekdays, day) {
				hint = fmt.Sprintf(`write "weekday %s at 08:00"`, day)
			}
		}
	case slices.Contains(aliasNames, "@"+lower):
		hint = fmt.Sprintf("did you mean %q?", "@"+lower)
	case slices.Contains(weekdays, short) && (lower == short || shortName(word) != ""):
		hint = fmt.Sprintf(`write "weekday %s at 08:00"`, short)
	case near != "":
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	e.fault(at, hint, "unknown word %q", word)
}

// readIn reads "in 5m": once, so long from now, rounded up to a whole second.
func (e *expr) readIn(w []span, now time.Time) {
	if now.IsZero() {
		e.fault(w[0], "write once and a time, or interval and a duration", `"in" means nothing here`)
		return
	}
	if len(w) != 2 {
		e.fault(span{w[0].start, w[len(w)-1].end}, `write "in 5m"`, "in needs one duration")
		return
	}
	length, fault := duration(e.text[w[1].start:w[1].end])
	if fault != nil {
		e.fault(span{w[1].start + fault.Start, w[1].start + fault.End}, fault.Hint, "%s", fault.Msg)
		return
	}
	at := now.Add(length + time.Second - 1).Truncate(time.Second).UTC()
	e.keys["once"] = []string{at.Format(time.RFC3339)}
	e.at["once"] = []span{w[1]}
}

// lowerShort is the short name of a weekday or month, of whatever length it is given.
func lowerShort(word string) string {
	if short := shortName(word); short != "" {
		return lower(short)
	}
	return lower(word)
}
