package config

import "testing"

func TestRender(t *testing.T) {
	for _, c := range []struct {
		name        string
		fault       Fault
		line, lines string
	}{
		{"a place", Fault{File: "j", Line: 9, Col: 3, Width: 2, Msg: "no", Hint: "yes", Text: "a bc"},
			"j:9:3: no; yes", "error: no\n --> j:9:3\n  |\n9 | a bc\n  |   ^^ yes"},
		{"a line of two digits", Fault{File: "j", Line: 10, Col: 1, Width: 1, Msg: "no", Text: "a"},
			"j:10:1: no", "error: no\n  --> j:10:1\n   |\n10 | a\n   | ^"},
		{"behind the end", Fault{File: "j", Line: 1, Col: 2, Width: 1, Msg: "no", Text: "a"},
			"j:1:2: no", "error: no\n --> j:1:2\n  |\n1 | a\n  |  ^"},
		{"a warning", Fault{File: "j", Line: 1, Col: 1, Width: 1, Msg: "hm", Text: "a", Warning: true},
			"j:1:1: hm", "warning: hm\n --> j:1:1\n  |\n1 | a\n  | ^"},
		{"the whole file", Fault{File: "j", Msg: "no", Hint: "yes"},
			"j: no; yes", "error: no\n --> j\n  = yes"},
		{"no tricks on the terminal", Fault{File: "j\n", Line: 1, Col: 1, Width: 1, Msg: "\x1b[2J", Hint: "\u202e", Text: "\x1b[31m\r"},
			`j\n:1:1: \x1b[2J; \u202e`, "error: \\x1b[2J\n --> j\\n:1:1\n  |\n1 | \\x1b[31m\\r\n  | ^^^^ \\u202e"},
	} {
		if got := c.fault.Error(); got != c.line {
			t.Errorf("%s: %q, want %q", c.name, got, c.line)
		}
		if got := c.fault.Render(); got != c.lines {
			t.Errorf("%s: %q, want %q", c.name, got, c.lines)
		}
	}
}
