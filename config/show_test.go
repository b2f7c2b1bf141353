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
		for _, s := range cfg.Tasks[task].Settings() {
			if !s.Default {
				given = append(given, s.Key+"="+s.Value)
			}
		}
		return strings.Join(given, " | ")
	}
	for task, want := range map[string]string{
		"plain":   "command=",
		"much":    `triggers=weekday mon-fri at 02:30 | command= | mode=sequential | timeout=4h | env=A, PASSWORD | secrets={"KEY":"file:/etc/rota/key"}`,
		"builtin": "log=",
	} {
		if got := show(task); got != want {
			t.Errorf("%s: given are\ngot  %s\nwant %s", task, got, want)
		}
	}
	for _, s := range cfg.Tasks["much"].Settings() {
		if s.Key == "queue" && (s.Value != "main" || !s.Default) || s.Key == "kill_after" && s.Value != "10s" || strings.Contains(s.Value, "hunter2") {
			t.Errorf("got %+v", s)
		}
	}
}
