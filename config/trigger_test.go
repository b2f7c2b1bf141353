package config

import (
	"slices"
	"testing"
)

// triggersOf returns the triggers of the task a of a file, by their text.
func triggersOf(t *testing.T, keys string) (texts []string, warnings []Fault) {
	t.Helper()
	c, err := Parse("jobs.toml", "[tasks.a]\ncommand = \"true\"\n"+keys, Options{Now: now})
	if err != nil {
		t.Fatalf("%s: %v", keys, err)
	}
	for _, spec := range c.Tasks.Get("a").Triggers {
		texts = append(texts, spec.String())
	}
	return texts, c.Warnings
}

// Each line of a list is a trigger with the other keys that stand beside it.
func TestCronList(t *testing.T) {
	for keys, want := range map[string][]string{
		`cron = ["0 9 * * mon-fri", "0 12 * * sat"]`:                   {"0 9 * * MON-FRI", "0 12 * * SAT"},
		`cron = ["0 9 * * *", "@every 2h"]` + "\njitter = \"5m\"":      {"0 9 * * * jitter 5m", "interval 2h jitter 5m"},
		`triggers = [{ cron = ["0 9 * * *", "0 10 * * *"] }]`:          {"0 9 * * *", "0 10 * * *"},
		`cron = ["0 9 * * *"]`:                                         {"0 9 * * *"},
		`cron = "0 9 * * *"`:                                           {"0 9 * * *"},
		`cron = ["0 9 * * *", "0 10 * * *"]` + "\nexcept = 2030-01-01": {"0 9 * * * except 2030-01-01", "0 10 * * * except 2030-01-01"},
	} {
		if got, _ := triggersOf(t, keys); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", keys, got, want)
		}
	}
}
