package config

import (
	"slices"
	"testing"
)

// parse makes a Config of a text in /etc/rota/jobs.toml.
func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("/etc/rota/jobs.toml", text, Options{Now: now})
	if err != nil {
		t.Fatalf("%v\nin:\n%s", err, text)
	}
	return c
}

// Two tasks are equal if they do the same at the same times, however they are
// written.
func TestEqual(t *testing.T) {
	const command = "command = \"true\"\n"
	const ops = "[notify.ops]\ncommand = \"wall\"\n"
	for _, c := range []struct {
		name  string
		a, b  string // the keys of a task
		equal bool
	}{
		{"order of keys", command + "timeout = \"1h\"", "timeout = \"1h\"\n" + command, true},
		{"a comment", command, "# hello\n" + command, true},
		{"units", command + `timeout = "60m"`, command + `timeout = "1h"`, true},
		{"a default spelled out", command, command + `overlap = "skip"`, true},
		{"the default queue", command + `mode = "sequential"`, command + "mode = \"sequential\"\nqueue = \"main\"", true},
		{"a relative path", command + `dir = "work"`, command + `dir = "/etc/rota/work"`, true},
		{"a text or a list of one", command + `tags = "x"`, command + `tags = ["x"]`, true},
		{"a trigger in a list", command + `interval = "1h"`, command + `triggers = [{ interval = "1h" }]`, true},
		{"order of env", command + `env = { A = "1", B = "2" }`, command + `env = { B = "2", A = "1" }`, true},
		{"env", command + `env = { A = "1" }`, command + `env = { A = "2" }`, false},
		{"the command", `command = "a"`, `command = "b"`, false},
		{"text or list", `command = "true"`, `command = ["true"]`, false},
		{"the action", `log = "true"`, `command = "true"`, false},
		{"what an action says", `log = "a"`, `log = "b"`, false},
		{"a trigger", command + `interval = "1h"`, command + `interval = "2h"`, false},
		{"the zone of a trigger", command + "at = \"09:00\"\ntimezone = \"UTC\"", command + "at = \"09:00\"\ntimezone = \"Europe/Berlin\"", false},
		{"enabled", command, command + "enabled = false", false},
		{"description", command, command + `description = "x"`, false},
		{"nice 0 is not none", command, command + "nice = 0", false},
		{"limits", command + "limits.core = \"0B\"", command, false},
		{"hold_after", command, command + "hold_after = 3", false},
		{"a hook", command, command + `on_failure = "ops"`, false},
		{"hooks of another event", command + `on_missed = "ops"`, command + `on_failure = "ops"`, false},
		{"a hook or a list of one", command + `on_output = "ops"`, command + `on_output = ["ops"]`, true},
		{"no hooks spelled out", command, command + "on_success = []\non_recover = []", true},
		{"ping", command, command + `ping = "https://example.org/"`, false},
		{"expect_success_within", command, command + `expect_success_within = "1h"`, false},
		{"input_max", command, command + `input_max = "1KiB"`, false},
		{"result_max", command, command + `result_max = "1MiB"`, true},
		{"bytes that are kept", command, command + `keep.bytes = "1MiB"`, false},
		{"a mail", `mail = { to = "a" }`, `mail = { to = "b" }`, false},
		{"secrets", command + `secrets.A = "env:X"`, command + `secrets.A = "env:Y"`, false},
	} {
		d := Diff(parse(t, ops+"[tasks.t]\n"+c.a), parse(t, ops+"[tasks.t]\n"+c.b))
		if d.Empty() != c.equal {
			t.Errorf("%s: changes are %v, want equal %v", c.name, d, c.equal)
		}
	}
}

// Other tasks do not matter.
func TestEqualOfOtherTasks(t *testing.T) {
	c := parse(t, "[tasks.a]\ncommand = \"true\"\n[tasks.b]\ncommand = \"true\"\n")
	d := parse(t, "[tasks.a]\ncommand = \"true\"\n[tasks.b]\ncommand = \"x\"\nsecrets.S = \"env:S\"\n")
	changes := Diff(c, d)
	if len(changes.Changed) != 1 || changes.Changed[0].Task != "b" || changes.Same != 1 {
		t.Errorf("%+v", changes)
	}
	if c.Revision == d.Revision || c.Revision != parse(t, c.Sources[0].Text).Revision {
		t.Error("the revision is the same for different texts")
	}
}

func TestDiff(t *testing.T) {
	const none = "[tasks]\n"
	const a, b = "[tasks.a]\ncommand = \"true\"\n", "[tasks.b]\ncommand = \"true\"\n"
	for _, c := range []struct {
		name     string
		old, new string
		want     string
		keys     []string // of the first change
		triggers bool     // of the first change
	}{
		{"nothing", a, a, "1 same", nil, false},
		{"nothing at all", none, none, "0 same", nil, false},
		{"a comment", a, "#\n" + a, "1 same", nil, false},
		{"added", a, a + b, "1 added (b), 1 same", nil, false},
		{"removed", a + b, a, "1 removed (b), 1 same", nil, false},
		{"renamed", a, b, "1 added (b), 1 removed (a)", nil, false},
		{"timeout", a + `timeout = "1h"`, a + `timeout = "4h"`, "1 changed (a: timeout 1h → 4h)", []string{"timeout"}, false},
		{"no timeout before", a, a + `timeout = "4h"`, "1 changed (a: timeout none → 4h)", []string{"timeout"}, false},
		{"two keys", a, a + "mode = \"forked\"\nnice = 5", "1 changed (a: mode threaded → forked, nice none → 5)", []string{"mode", "nice"}, false},
		{"lists", a, a + "success_exit = [0, 1]", "1 changed (a: success_exit [0] → [0,1])", []string{"success_exit"}, false},
		{"a command", a, "[tasks.a]\ncommand = \"false\"\n", "1 changed (a: command)", []string{"command"}, false},
		{"another action", a, "[tasks.a]\nlog = \"x\"\ntimeout = \"0s\"\n", "1 changed (a: command → log)", []string{"log"}, false},
		{"env is not shown", a, a + `env = { PASSWORD = "x" }`, "1 changed (a: env)", []string{"env"}, false},
		{"a trigger", a + `interval = "1h"`, a + `interval = "2h"`, "1 changed (a: interval 1h → 2h)", []string{"triggers"}, true},
		{"a trigger's option", a + `interval = "1h"`, a + "interval = \"1h\"\njitter = \"5m\"", "1 changed (a: interval 1h → 1h jitter 5m)", []string{"triggers"}, true},
		{"another trigger", a + `at = "02:30"`, a + "weekday = \"mon-fri\"\nat = \"09:00\"", "1 changed (a: every day at 02:30 → Mon–Fri at 09:00)", []string{"triggers"}, true},
		{"another kind", a + `interval = "10s"`, a + `cron = "17 * * * *"`, "1 changed (a: every 10s → at minute 17 of every hour)", []string{"triggers"}, true},
		{"the same in other words", a + `cron = "0 * * * *"`, a + `cron = "0 0-23 * * *"`, "1 changed (a: triggers)", []string{"triggers"}, true},
		{"much to say", a + `interval = "1h"`, a + `cron = "1,2,3,4,5,6,7 1,2,3,4,5,6,7 1,3,5,7,9,11,13,15,17,19,21 * 1,2,3"`, "1 changed (a: triggers)", []string{"triggers"}, true},
		{"one trigger more", a + `triggers = [{ interval = "1h" }]`, a + `triggers = [{ interval = "1h" }, { at = "02:30" }]`, "1 changed (a: triggers)", []string{"triggers"}, true},
		{"its zone", a + "at = \"09:00\"\ntimezone = \"UTC\"", a + "at = \"09:00\"\ntimezone = \"Europe/Berlin\"", "1 changed (a: timezone UTC → Europe/Berlin)", []string{"triggers"}, true},
		{"disabled", a + `interval = "1h"`, a + "interval = \"1h\"\nenabled = false", "1 changed (a: enabled true → false, triggers)", []string{"enabled", "triggers"}, true},
		{"a default", a + b, "[defaults]\nnice = 1\n" + a + b, "2 changed (a: nice none → 1; b: nice none → 1)", []string{"nice"}, false},
		{"the host's zone", a + `at = "09:00"`, "[rota]\ntimezone = \"Asia/Tokyo\"\n" + a + `at = "09:00"`, "1 changed (a: timezone Local → Asia/Tokyo); settings: timezone", []string{"triggers"}, true},
		{"settings", a, "[rota]\nmax_running = 3\nstate_dir = \"x\"\n[queues.main]\nworkers = 2\n[queues.q]\n" + a,
			"1 same; settings: max_running, state_dir, queues.main, queues.q (state_dir needs a restart)", nil, false},
		{"a hook", a, a + `on_failure = "run:a2"` + "\n[tasks.a2]\ncommand = \"x\"\n", "1 added (a2), 1 changed (a: on_failure none → [\"run:a2\"])", []string{"on_failure"}, false},
		{"ping is not shown", a, a + `ping = "https://example.org/key"`, "1 changed (a: ping)", []string{"ping"}, false},
		{"the mail server", "[tasks.a]\nmail = { to = \"a@b\" }\n", "[smtp]\nhost = \"m\"\n[tasks.a]\nmail = { to = \"a@b\" }\n", "1 changed (a: mail); settings: smtp", []string{"mail"}, false},
		{"more settings", a, "[rota]\nautostart = []\non_bad_config = \"ops\"\non_trouble = \"ops\"\nsocket = \"/s\"\nsocket_group = \"g\"\n[web]\nlisten = \"unix:/w\"\n[history]\ntotal = \"1MiB\"\n[notify.ops]\ncommand = \"wall\"\n" + a,
			"1 same; settings: autostart, on_bad_config, on_trouble, socket, socket_group, web, history, notify.ops (socket and socket_group need a restart)", nil, false},
		{"a notification", "[notify.ops]\ncommand = \"wall\"\n[notify.me]\ncommand = \"a\"\n" + a, "[notify.ops]\ncommand = \"wall\"\n[notify.me]\ncommand = \"b\"\n" + a, "1 same; settings: notify.me", nil, false},
		{"many", none, many(9), "9 added (t1, t2, t3, t4, t5, t6 and 3 more)", nil, false},
	} {
		got := Diff(parse(t, c.old), parse(t, c.new))
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if got.Empty() != (c.old == c.new || c.name == "a comment") {
			t.Errorf("%s: empty is %v", c.name, got.Empty())
		}
		if c.keys == nil {
			continue
		}
		if ch := got.Changed[0]; !slices.Equal(ch.Keys, c.keys) || ch.Triggers != c.triggers {
			t.Errorf("%s: %+v, want keys %s and triggers %v", c.name, ch, c.keys, c.triggers)
		}
	}
}

func many(n int) string {
	text := ""
	for i := range n {
		text += "[tasks.t" + string(rune('1'+i)) + "]\ncommand = \"true\"\n"
	}
	return text
}
