package config

import (
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	cfg, err := Parse("/etc/rota/jobs.toml", `
[tasks.plain]
command = "true"

[tasks.much]
mode     = "sequential"
timeout  = "4h"
weekday  = "mon-fri"
at       = "02:30"
timezone = "Europe/Berlin"
stdin    = "hunter2"
env      = { PASSWORD = "hunter2", A = "b" }
secrets  = { KEY = "file:key" }
command  = ["rsync", "-a"]

[tasks.builtin]
log = "hello"
`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	show := func(task string) string {
		var given []string
		for _, s := range cfg.Tasks.Get(task).Settings() {
			if !s.Default {
				given = append(given, s.Key+"="+s.Value)
			}
		}
		return strings.Join(given, " | ")
	}
	for task, want := range map[string]string{
		"plain":   "command=",
		"much":    `triggers=weekday mon-fri at 02:30 | command= | mode=sequential | timeout=4h | stdin=7 bytes | env=A, PASSWORD | secrets={"KEY":"file:/etc/rota/key"}`,
		"builtin": "log=",
	} {
		if got := show(task); got != want {
			t.Errorf("%s: given are\ngot  %s\nwant %s", task, got, want)
		}
	}
	for _, s := range cfg.Tasks.Get("much").Settings() {
		if s.Key == "queue" && (s.Value != "main" || !s.Default) || s.Key == "kill_after" && s.Value != "10s" || strings.Contains(s.Value, "hunter2") {
			t.Errorf("got %+v", s)
		}
	}
}

// The policy for missed slots is shown as it is in force, whether or not the file sets
// it.
func TestSettingsMissed(t *testing.T) {
	for jobs, want := range map[string]string{
		"":                                  "skip, except slots that are slightly late while rota was running",
		"at = \"02:30\"":                    "skip, except slots that are slightly late while rota was running",
		"at = \"02:30\"\nmissed = \"skip\"": "skip",
		"at = \"02:30\"\nmissed = \"all\"":  "all",
		"once = 2100-01-01T00:00:00":        "once",
		"triggers = [{ once = 2100-01-01T00:00:00 }, { at = \"02:30\" }]": "once for triggers with once, else skip, except slots that are slightly late while rota was running",
	} {
		cfg, err := Parse("/etc/rota/jobs.toml", "[tasks.t]\nlog = \"x\"\n"+jobs, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range cfg.Tasks.Get("t").Settings() {
			if s.Key == "missed" && (s.Value != want || s.Default == strings.Contains(jobs, "missed")) {
				t.Errorf("%q: got %+v, want %s", jobs, s, want)
			}
		}
	}
}
