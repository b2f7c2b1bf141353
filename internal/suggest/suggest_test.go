package suggest

import "testing"

func TestNearest(t *testing.T) {
	for _, c := range []struct {
		name  string
		known []string
		want  string
	}{
		{"timeuot", []string{"timeout", "tags"}, "timeout"},    // a swap is one edit
		{"nxet", []string{"next", "exec"}, "next"},             // 4 letters allow one
		{"comand", []string{"command", "cron"}, "command"},     // a missing letter
		{"intervall", []string{"interval"}, "interval"},        // one too many
		{"overlpa", []string{"overlap", "overlay"}, "overlap"}, // the nearest of two
		{"Backup", []string{"backup"}, "backup"},
		{"bat", []string{"cat", "bad"}, "bad"},                // equally near: the first in the alphabet
		{"at", []string{"as"}, ""},                            // two letters allow none
		{"xyz", []string{"abc"}, ""},                          // nothing like it
		{"backup", nil, ""},                                   // nothing known
		{"", []string{"a"}, ""},                               // nothing asked
		{string(make([]byte, 100)), []string{"a"}, ""},        // longer than any name
		{"wekdya", []string{"weekday", "workday"}, "weekday"}, // six letters allow two
		{"wekdyax", []string{"weekday", "workdays"}, ""},      // but no more
	} {
		if got := Nearest(c.name, c.known); got != c.want {
			t.Errorf("Nearest(%q, %q) = %q, want %q", c.name, c.known, got, c.want)
		}
	}
}
