package config

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The patterns of queues: a queue without @ has nothing before it.
func TestMatchQueue(t *testing.T) {
	const queues = "main mail site1@mail site1@convert site2@mail a@b@c x@"
	for _, c := range []struct{ pattern, want string }{
		{"*", queues},
		{"*@*", queues},
		{"main", "main"},
		{"@main", "main"},
		{"mail", "mail"},
		{"@mail", "mail"},
		{"*@mail", "mail site1@mail site2@mail"},
		{"site1@*", "site1@mail site1@convert"},
		{"site*@*", "site1@mail site1@convert site2@mail"},
		{"site1@mail", "site1@mail"},
		{"@*", "main mail"},
		{"ma*", "main mail"},
		{"*@ma*l", "mail site1@mail site2@mail"},
		{"*a*@b*c", "a@b@c"},
		{"*@m*i*", "main mail site1@mail site2@mail"},
		{"x@", "x@"},
		{"site1", ""},
		{"Main", ""},
		{"site3@*", ""},
		{"m?in", ""},
		{"[m]ain", ""},
		{"", ""},
	} {
		names := strings.Fields(queues)
		matched, unmatched := MatchQueues([]string{c.pattern}, names)
		if got := strings.Join(matched, " "); got != c.want {
			t.Errorf("%q matches %q, want %q", c.pattern, got, c.want)
		}
		if (len(unmatched) == 1) != (c.want == "") {
			t.Errorf("%q: unmatched are %q", c.pattern, unmatched)
		}
		for _, name := range names {
			if MatchQueue(c.pattern, name) != slices.Contains(matched, name) {
				t.Errorf("%q and %q: MatchQueue and MatchQueues do not agree", c.pattern, name)
			}
		}
	}
	matched, unmatched := MatchQueues([]string{"nope", "*@mail", "ma*", "no*"}, strings.Fields(queues))
	if !slices.Equal(matched, []string{"main", "mail", "site1@mail", "site2@mail"}) || !slices.Equal(unmatched, []string{"nope", "no*"}) {
		t.Errorf("several: %q, not %q", matched, unmatched)
	}
}

// MatchQueue agrees with a regular expression that says the same.
func FuzzMatchQueue(f *testing.F) {
	for _, pattern := range []string{"*", "*@*", "mail", "@mail", "*@ma*l", "site1@*", "a*b*@", "**@@*", ""} {
		f.Add(pattern, "mail")
		f.Add(pattern, "site1@mail")
		f.Add(pattern, "a@b@c")
	}
	f.Fuzz(func(t *testing.T, pattern, queue string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(queue) {
			return // a regular expression is of characters
		}
		form, name := pattern, queue
		if form == "*" {
			form = "*@*"
		}
		if !strings.Contains(form, "@") {
			form = "@" + form
		}
		if !strings.Contains(name, "@") {
			name = "@" + name
		}
		// The part before the first @ has none, in the pattern as in the name.
		site, rest, _ := strings.Cut(form, "@")
		expr := strings.ReplaceAll(regexp.QuoteMeta(site), `\*`, `[^@]*`) + "@" + strings.ReplaceAll(regexp.QuoteMeta(rest), `\*`, `.*`)
		if want := regexp.MustCompile("^(?s:" + expr + ")$").MatchString(name); MatchQueue(pattern, queue) != want {
			t.Errorf("%q matches %q: want %v", pattern, queue, want)
		}
	})
}

// Many stars take no long time.
func TestMatchQueueIsQuick(t *testing.T) {
	if MatchQueue(strings.Repeat("a*", 5000)+"b", strings.Repeat("a", 10000)) {
		t.Error("a text without b matches what ends in b")
	}
}

// Which addresses only this machine can reach.
func TestLoopback(t *testing.T) {
	for listen, want := range map[string]bool{
		"127.0.0.1:1": true, "127.8.0.1:1": true, "[::1]:1": true, "localhost:1": true, "[::ffff:127.0.0.1]:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "localhost.example.org:1": false, "127.0.0.1.example.org:1": false,
	} {
		if loopback(listen) != want {
			t.Errorf("%s: %v", listen, !want)
		}
	}
}
