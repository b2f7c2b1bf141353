package crontab

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
)

// scanner reads the schedule of a line from left to right, as these crons do:
// byte by byte.
type scanner struct {
	l       *Line
	at      int
	strict  bool // as cronie: only a few characters may follow a number
	onError bool
	notes   []string
}

// ch returns the current byte; 0 at the end.
func (s *scanner) ch() byte {
	if s.at < len(s.l.Text) {
		return s.l.Text[s.at]
	}
	return 0
}

func (s *scanner) blanks() {
	for s.at < len(s.l.Text) && isBlank(s.l.Text[s.at]) {
		s.at++
	}
}

// word reads up to the next blank.
func (s *scanner) word() string {
	start := s.at
	for s.at < len(s.l.Text) && !isBlank(s.l.Text[s.at]) {
		s.at++
	}
	return s.l.Text[start:s.at]
}

var vixieAliases = []string{"@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}

// schedule reads the fields, or an alias instead of them.
func (s *scanner) schedule(e *Entry) bool {
	start := s.at
	w := &e.When
	if s.ch() == '@' {
		name := s.word()
		if !slices.Contains(vixieAliases, name) {
			s.l.wrong(start, s.at, "%s is unknown", clip(name))
			return false
		}
		w.Text = name
		if name == "@reboot" {
			w.Boot = true
		} else {
			w.Alias = name
		}
		s.blanks()
		return s.noStar()
	}
	for _, to := range []struct {
		field *Field
		spec  *column
	}{{&w.Minute, minuteColumn}, {&w.Hour, hourColumn}, {&w.Dom, domColumn}, {&w.Month, monthColumn}, {&w.Dow, dowColumn}} {
		to.field.spec = to.spec
		if !s.list(to.field) {
			return false
		}
	}
	w.either = !w.Dom.Star && !w.Dow.Star
	w.Text = strings.TrimRight(s.l.Text[start:s.at], " \t")
	return s.noStar()
}

// noStar complains about one field too many: no command and no user begins with "*".
func (s *scanner) noStar() bool {
	if s.ch() == '*' {
		s.l.wrong(s.at, s.at+1, "a * stands where the command begins")
		return false
	}
	return true
}

// list reads one field.
func (s *scanner) list(f *Field) bool {
	f.Star = s.ch() == '*'
	start := s.at
	for {
		begin := s.at
		if !s.item(f) {
			end := s.at
			for end < len(s.l.Text) && !isBlank(s.l.Text[end]) {
				end++
			}
			what := clip(s.l.Text[start:end])
			if what == "" {
				s.l.wrong(start, len(s.l.Text), "its %s is missing", f.spec.name)
			} else {
				s.l.wrong(begin, end, "%q is not a valid %s", what, f.spec.name)
			}
			return false
		}
		if s.ch() != ',' {
			break
		}
		s.at++
	}
	if rest := s.word(); rest != "" {
		s.notes = append(s.notes, fmt.Sprintf("it ignores %q in the %s", clip(rest), f.spec.name))
	}
	s.blanks()
	return true
}

// item reads a member of a list, and adds it in the syntax of rota.
func (s *scanner) item(f *Field) bool {
	c := f.spec
	low, high, step := c.min, c.max, 1
	body := "*"
	switch {
	case s.ch() == '*':
		s.at++
		if s.strict && !s.ends("/, \t") {
			return false
		}
	case s.strict && s.ch() == '~':
		s.at++
		return s.random(f, low)
	default:
		n, text, ok := s.number(c, true)
		if !ok || s.strict && !s.ends(",-~ \t") {
			return false
		}
		low, body = n, text
		switch s.ch() {
		case '-':
			s.at++
			if high, text, ok = s.number(c, true); !ok || s.strict && !s.ends("/, \t") {
				return false
			}
			body += "-" + text
		case '~':
			if s.strict {
				s.at++
				return s.random(f, low)
			}
			high = low
		case '/':
			return false
		default:
			high = low
		}
	}
	if low < c.min || low > c.max || high < c.min || high > c.max {
		return false
	}
	if s.ch() == '/' {
		s.at++
		n, _, ok := s.number(c, false)
		if !ok || n < 1 || s.strict && !s.ends(", \t") {
			return false
		}
		step = n
		if most := c.count(); n > most {
			s.notes = append(s.notes, fmt.Sprintf("%q means only the first %s: its step is larger than the field", body+"/"+strconv.Itoa(n), c.name))
			if body == "*" && c != domColumn && c != dowColumn {
				body = strconv.Itoa(low)
			} else {
				body += "/" + strconv.Itoa(most)
			}
		} else if n > 1 {
			body += "/" + strconv.Itoa(n)
		}
	}
	if low > high {
		s.notes = append(s.notes, fmt.Sprintf("%q runs backwards and matches nothing", body))
		return true
	}
	f.add(low, high, step)
	f.items = append(f.items, body)
	return true
}

// ends reports whether one of the bytes follows, or the end.
func (s *scanner) ends(with string) bool {
	return s.at == len(s.l.Text) || strings.IndexByte(with, s.ch()) >= 0
}

// random reads the end of "low~high" and chooses a value, always the same for a line.
// cronie chooses another one each time it reads the file.
func (s *scanner) random(f *Field, low int) bool {
	high := f.spec.max
	if !s.ends(", \t") {
		n, _, ok := s.number(f.spec, true)
		if !ok || !s.ends(", \t") {
			return false
		}
		high = n
	}
	if low < f.spec.min || high > f.spec.max || low > high {
		return false
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %s", f.spec.name, s.l.Text)
	n := low + int(h.Sum32()%uint32(high-low+1))
	f.add(n, n, 1)
	f.items = append(f.items, strconv.Itoa(n))
	f.Random = true
	s.notes = append(s.notes, fmt.Sprintf("cron draws the %s from %d to %d each time it reads the file; it is fixed here", f.spec.name, low, high))
	return true
}

// number reads a number or, in some columns, a name, and returns it in the syntax of rota.
func (s *scanner) number(c *column, named bool) (n int, text string, ok bool) {
	start := s.at
	for s.at < len(s.l.Text) && (isDigit(s.l.Text[s.at]) || isLetter(s.l.Text[s.at])) {
		if s.strict && isDigit(s.l.Text[start]) != isDigit(s.l.Text[s.at]) {
			break
		}
		s.at++
	}
	text = s.l.Text[start:s.at]
	if len(text) == 0 || len(text) > 900 {
		return 0, "", false
	}
	if named {
		if i := slices.IndexFunc(c.names, func(name string) bool { return strings.EqualFold(name, text) }); i >= 0 {
			return i + c.min, text, true
		}
	}
	for i := range len(text) {
		if !isDigit(text[i]) {
			return 0, "", false
		}
		n = min(n*10+int(text[i]-'0'), 1<<20)
	}
	if len(text) > 2 {
		text = strconv.Itoa(n)
	}
	return n, text, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// user reads the user of a line of a system crontab.
func (s *scanner) user(e *Entry, o Options) bool {
	if !o.System {
		return true
	}
	start := s.at
	e.User = s.word()
	switch {
	case e.User == "" || s.at == len(s.l.Text):
		s.l.wrong(start, len(s.l.Text), "it has no command: the word before it is a user")
		return false
	case o.User != nil && !o.User(e.User):
		s.l.wrong(start, s.at, "no user %q", clip(e.User))
		return false
	}
	s.blanks()
	return true
}

// options reads the "-n" of cronie.
func (s *scanner) options(o Options) bool {
	for o.Dialect == Cronie && s.ch() == '-' {
		start := s.at
		if word := s.word(); word != "-n" || s.onError {
			s.l.wrong(start, s.at, "the option %q is unknown", clip(word))
			return false
		}
		s.onError = true
		s.blanks()
	}
	return true
}
