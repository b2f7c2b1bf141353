package importer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"rota/internal/crontab"
)

// Commands in crontabs check conditions that cron cannot express: is it the first Monday,
// is tomorrow the first, is the week even? The import proposes the trigger of rota for that
// in a comment, and does not change the task.

var (
	dayTest    = regexp.MustCompile(`^(?:test|\[\[?)\s+"?(?:\$\(date '?"?\+%-?[de]"?'?\)|` + "`date '?\"?\\+%-?[de]\"?'?`" + `)"?\s+-(le|lt)\s+"?(\d{1,2})"?\s*(?:\]\]?)?\s*&&\s*(\S.*)$`)
	dayBetween = regexp.MustCompile(`^(?:test|\[\[?)\s+"?\$\(date '?"?\+%-?[de]"?'?\)"?\s+-ge\s+(\d{1,2})\s*(?:\]\s*&&\s*\[|-a)\s*"?\$\(date '?"?\+%-?[de]"?'?\)"?\s+-le\s+(\d{1,2})\s*\]?\s*&&\s*(\S.*)$`)
	nameTest   = regexp.MustCompile(`^(?:test|\[\[?)\s+"?(?:\$\(date '?"?\+%([auw])"?'?\)|` + "`date '?\"?\\+%([auw])\"?'?`" + `)"?\s+(?:=|==|-eq)\s+"?([A-Za-z]{3}|[0-7])"?\s*(?:\]\]?)?\s*&&\s*(\S.*)$`)
	lastTest   = regexp.MustCompile(`^(?:test|\[\[?)\s+"?\$\(date (?:-d|--date)[= ]?['"]?(?:tomorrow|\+?1 day|next day)['"]? '?"?\+%-?[de]"?'?\)"?\s+(?:=|==|-eq)\s+"?0?1"?\s*(?:\]\]?)?\s*&&\s*(\S.*)$`)
	weekAhead  = regexp.MustCompile(`^(?:test|\[\[?)\s+"?\$\(date (?:-d|--date)[= ]?['"]?\+?(?:7 days|1 week|next week)['"]? '?"?\+%m"?'?\)"?\s+(?:!=|-ne)\s+"?\$\(date '?"?\+%m"?'?\)"?\s*(?:\]\]?)?\s*&&\s*(\S.*)$`)
	weekTest   = regexp.MustCompile(`date '?"?\+%-?[VWUGs]`)
)

var counting = []string{"first", "2nd", "3rd", "4th"}

// propose adds a comment to a task whose command checks the day.
func (c *converter) propose(t *task, l crontab.Line, command string) {
	w := &l.Entry.When
	at := ""
	for _, p := range t.when {
		if p.key == "at" {
			at = p.value
		}
	}
	if c.daemon || at == "" {
		return
	}
	dom, dow := w.Dom.Text(), strings.Trim(weekdays([]string{w.Dow.Text()}), `"`)
	oneDay := len(dow) == 3
	monthday, rest := "", ""
	if m := dayTest.FindStringSubmatch(command); m != nil && oneDay && dom == "*" {
		n, _ := strconv.Atoi(m[2])
		if m[1] == "lt" {
			n--
		}
		if n == 7 {
			monthday, rest = "first "+dow, m[3]
		}
	} else if m := dayBetween.FindStringSubmatch(command); m != nil && oneDay && dom == "*" {
		from, _ := strconv.Atoi(m[1])
		to, _ := strconv.Atoi(m[2])
		if to == from+6 && from%7 == 1 && from < 28 {
			monthday, rest = counting[from/7]+" "+dow, m[3]
		}
	} else if m := nameTest.FindStringSubmatch(command); m != nil && dow == "*" {
		day := strings.Trim(weekdays([]string{m[3]}), `"`)
		for i, days := range []string{"1-7", "8-14", "15-21", "22-28"} {
			if dom == days && len(day) == 3 {
				monthday, rest = counting[i]+" "+strings.ToLower(day), m[4]
			}
		}
	} else if m := lastTest.FindStringSubmatch(command); m != nil && dow == "*" {
		monthday, rest = "last", m[1]
	} else if m := weekAhead.FindStringSubmatch(command); m != nil && oneDay && dom == "*" {
		monthday, rest = "last "+dow, m[1]
	} else if weekTest.MatchString(command) && oneDay {
		t.comments = append(t.comments, fmt.Sprintf(` Perhaps instead of asking for the week: every = 2, starts = "2026-01-05", weekday = %q, at = %s`, dow, at))
		c.note(l.Number, "it checks the week: every = 2 does that, see the comment")
		return
	}
	if monthday != "" {
		t.comments = append(t.comments, fmt.Sprintf(" Perhaps instead of asking for the day: monthday = %q, at = %s, command = %s", monthday, at, str(rest)))
		c.note(l.Number, "it checks the day: monthday = %q does that, see the comment", monthday)
	}
}
