package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// A hint names what to write instead, whatever its wording.
func TestHints(t *testing.T) {
	task := func(line string) string { return "[tasks.a]\ncommand = \"true\"\n" + line + "\n" }
	cases := map[string]string{
		"[tasks.a]\ncomand = \"true\"\n": "command",
		task(`timeuot = "1h"`):           "timeout",
		task(`TimeOut = "1h"`):           "timeout",
		task(`timeout = 90`):             `"90s"`,
		task(`timeout = "90"`):           `"90s"`,
		task(`timeout = "5 minutes"`):    `"5m"`,
		task(`interval = 90`):            `"90s"`,
		task(`input_max = 1048576`):      `"1MiB"`,
		task(`enabled = "true"`):         "true without quotes",
		task(`priority = "1"`):           "1 without quotes",
		task(`user = 1000`):              `"1000"`,
		task(`mode = "threadd"`):         `"threaded"`,
		task(`stop_signal = "SIGINT"`):   `"INT"`,
		task(`retry = { maks = 1 }`):     "max",
		task(`on_failure = "opps"` + "\n[notify.ops]\ncommand = \"x\""): `"ops"`,
		task(`on_failure = "b"` + "\n[tasks.b]\ncommand = \"x\""):       `"run:b"`,
		task(`on_failure = "gone"`):                                     "[notify.gone]",
		task(`queue = "slwo"` + "\n[queues.slow]"):                      `"slow"`,
		task(`queue = "gone"`):                                          "[queues.gone]",
		task(`timezone = "Europe/Berln"` + "\nat = \"09:00\""):          `"Europe/Berlin"`,
		"[tasks.backup.nightly]\ncommand = \"true\"\n":                  `[tasks."backup.nightly"]`,
		"[backup]\ncommand = \"true\"\n":                                "[tasks.backup]",
		"log_level = \"info\"\n":                                        "[rota]",
		"interval = \"1h\"\n":                                           "[tasks.NAME]",
		"[taks.a]\ncommand = \"true\"\n":                                `"tasks"`,
	}
	for other, ours := range foreignKeys {
		cases["[tasks.a]\n"+other+" = \"x\"\n"] = `"` + ours + `"`
	}
	for text, want := range cases {
		_, err := Parse("/etc/rota/jobs.toml", text, Options{Now: now})
		e := (*Errors)(nil)
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !slices.ContainsFunc(e.Faults, func(f Fault) bool { return strings.Contains(f.Hint, want) }) {
			t.Errorf("%s: no hint names %s: %v", text, want, err)
		}
	}
}
