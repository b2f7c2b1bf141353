package schedule

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Texts that people paste or type from habit, and what to write instead.

var (
	cronField   = regexp.MustCompile(`^(?i:[0-9*?,/#~LWH()-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)+$`)
	awsCron     = regexp.MustCompile(`^(cron|rate)\s*\((.*)\)$`)
	onCalendar  = regexp.MustCompile(`^(?:\*-\*-\*\s+)?(\d\d?:\d\d(?::\d\d)?)$`)
	loginName   = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)
	commonUsers = []string{"root", "daemon", "nobody", "www-data", "apache", "nginx", "postgres", "ubuntu", "debian"} // none is a command
)

// plain reports whether a text has only the characters of most fields, so that no regular
// expression needs to look at it.
func plain(text string) bool { return strings.Trim(text, "0123456789*,-/") == "" }

// looksLikeField reports whether a text may be a field of a cron expression.
func looksLikeField(text string) bool { return plain(text) || cronField.MatchString(text) }

// pasted complains about a text that is not a cron expression but a known format of
// another program, and reports whether it is one.
func (d *builder) pasted(v value, w []span) bool {
	word := func(i int) string { return v.text[w[i].start:w[i].end] }
	first := strings.ToLower(word(0))
	if strings.HasSuffix(v.text, ")") && awsCron.MatchString(v.text) {
		m := awsCron.FindStringSubmatch(v.text)
		hint := "write what is between the parentheses, without the year"
		if length := suggestDuration(m[2]); m[1] == "rate" && length != "" {
			hint = fmt.Sprintf("write interval = %q instead of cron", length)
		} else if fields := strings.Fields(m[2]); len(fields) == 6 {
			hint = fmt.Sprintf("write %q", strings.Join(fields[:5], " "))
		}
		d.add(v.whole(hint, "%s(…) is not known here", m[1]))
		return true
	}
	fields := 5
	switch {
	case first == "@every":
		fields = 2
	case first[0] == '@':
		fields = 1
	}
	for i := range min(fields, len(w)) {
		if fields == 5 && !looksLikeField(word(i)) {
			return d.pastedWords(v, w)
		}
	}
	if len(w) <= fields || looksLikeField(word(fields)) {
		return false
	}
	if first == "@every" && suggestDuration(v.text[w[1].start:w[len(w)-1].end]) != "" {
		return false // "@every 5 minutes"
	}
	key := "cron = " + strconv.Quote(v.text[w[0].start:w[fields-1].end])
	if first == "@reboot" {
		key = `at_start = "boot"`
	}
	rest := v.text[w[fields].start:w[len(w)-1].end]
	what := "the command belongs into a key of its own"
	hint := ""
	switch user, after, more := strings.Cut(rest, " "); {
	case more && slices.Contains(commonUsers, user):
		what = "user and command belong into keys of their own"
		hint = fmt.Sprintf("write %s, user = %q and %s", key, user, commandKeys(after))
	case !more && loginName.MatchString(user) && slices.Contains(commonUsers, user):
		what = "the user belongs into a key of its own"
		hint = fmt.Sprintf("write %s and user = %q", key, user)
	case more && loginName.MatchString(user) && strings.HasPrefix(strings.TrimSpace(after), "/"):
		hint = fmt.Sprintf("write %s and %s; if %s is a user, user = %q and %s", key, commandKeys(rest), user, user, commandKeys(after))
	case !more && loginName.MatchString(user):
		what = "a user or a command belongs into a key of its own"
		hint = fmt.Sprintf("write %s, and user = %q or command = %[2]q", key, user)
	default:
		hint = fmt.Sprintf("write %s and %s", key, commandKeys(rest))
	}
	d.add(v.fault(w[fields].start, w[len(w)-1].end, hint, "this is a line of a crontab: %s", what))
	return true
}

// pastedWords complains about words that are not fields but plain English.
func (d *builder) pastedWords(v value, w []span) bool {
	text := v.text[w[0].start:w[len(w)-1].end]
	small := strings.ToLower(text)
	every, isEvery := strings.CutPrefix(small, "every ")
	hint := ""
	switch length, time := suggestDuration(every), suggestTime(small); {
	case length != "":
		hint = fmt.Sprintf("write interval = %q instead of cron", length)
	case time != "":
		hint = fmt.Sprintf("write at = %q instead of cron", time)
	case slices.Contains(aliasNames, "@"+small) && small != "every":
		hint = fmt.Sprintf("write %q", "@"+small)
	case onCalendar.MatchString(text):
		hint = fmt.Sprintf("write at = %q instead of cron", suggestTime(onCalendar.FindStringSubmatch(text)[1]))
	case isEvery && slices.Contains([]string{"second", "minute", "hour", "day", "week"}, every):
		hint = fmt.Sprintf("write interval = %q instead of cron", "1"+every[:1])
	case isEvery:
		hint = `write interval = "15m", or weekday = "mon" and at = "08:00", instead of cron`
	case slices.Contains(weekdays, small[:min(3, len(small))]):
		hint = fmt.Sprintf(`write weekday = %q and at = "08:00" instead of cron`, small[:3])
	default:
		return false
	}
	d.add(v.whole(hint, "%q is not a cron expression", text))
	return true
}

// commandKeys writes the command of a crontab's line as keys of a task: \% is a
// percent sign, and what follows another one is the standard input.
func commandKeys(text string) string {
	text = strings.TrimSpace(text)
	var command strings.Builder
	stdin := ""
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], `\%`):
			command.WriteByte('%')
			i++
		case text[i] == '%':
			stdin = strings.ReplaceAll(text[i+1:], "%", "\n")
			i = len(text)
		default:
			command.WriteByte(text[i])
		}
	}
	keys := "command = " + tomlText(command.String())
	if stdin != "" {
		keys += ", stdin = " + tomlText(stdin)
	}
	return keys
}

// tomlText writes a text with the quotes that it needs.
func tomlText(text string) string {
	if strings.ContainsAny(text, `"\`) && !strings.ContainsAny(text, "'\n") {
		return "'" + text + "'"
	}
	return strconv.Quote(text)
}

var clockTime = regexp.MustCompile(`^(\d{1,2})(?:(?:[:.h]|\s?uhr\s?)?(\d\d))?(?::(\d\d))?\s*(?:h|uhr|o'clock)?\s*([ap]\.?m\.?)?$`)

// suggestTime returns the time of day that the text most likely stands for; "" if
// that is not clear.
func suggestTime(text string) string {
	small := strings.ToLower(strings.TrimSpace(text))
	small = strings.TrimPrefix(strings.TrimPrefix(small, "at "), "daily at ")
	switch small {
	case "noon", "midday":
		return "12:00"
	case "midnight":
		return "00:00"
	}
	m := clockTime.FindStringSubmatch(small)
	if m == nil {
		return ""
	}
	h, minute, s := atoi(m[1]), atoi(m[2]), atoi(m[3])
	if m[4] != "" {
		if h < 1 || h > 12 {
			return ""
		}
		h %= 12
		if m[4][0] == 'p' {
			h += 12
		}
	}
	if h > 23 || minute > 59 || s > 59 {
		return ""
	}
	return timeText(clock(h, minute, s))
}
