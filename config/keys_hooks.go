package config

import (
	"strings"
	"time"

	"rota/runner"
)

// Hooks lists the notifications and tasks that follow a run: names of [notify.NAME], or
// "run:TASK".
type Hooks struct {
	OnSuccess []string // ok
	OnFailure []string // failed, timeout or lost, and no attempt is left; also: hold_after holds the task, or it had no success within expect_success_within
	OnMissed  []string // a slot was missed
	OnRecover []string // ok after a failure
	OnOutput  []string // the run wrote output
	OnLate    []string // the run takes longer than warn_after, and continues
}

// each calls do for each list, with the name of its key.
func (h *Hooks) each(do func(key string, list *[]string)) {
	do("on_success", &h.OnSuccess)
	do("on_failure", &h.OnFailure)
	do("on_missed", &h.OnMissed)
	do("on_recover", &h.OnRecover)
	do("on_output", &h.OnOutput)
	do("on_late", &h.OnLate)
}

// RunHook returns the task that a hook such as "run:TASK" starts; ok is false if
// the hook is the name of a notification.
func RunHook(hook string) (task string, ok bool) { return strings.CutPrefix(hook, "run:") }

// hookKeys are the keys of notifications and tasks that follow a run.
var hookKeys = []key[Task]{
	row("on_success", targets(false, func(t *Task) *[]string { return &t.Hooks.OnSuccess }), "", "What to notify or start after a success: names of [notify.NAME], or run: and the name of a task.", `"ops"`, `["ops", "run:other"]`, "[]"),
	row("on_failure", targets(false, func(t *Task) *[]string { return &t.Hooks.OnFailure }), "", "The same after a failure, timeout or loss without a retry left. Runs that a user cancelled or stopped do not count.", `"run:other"`, `["ops"]`),
	row("on_missed", targets(false, func(t *Task) *[]string { return &t.Hooks.OnMissed }), "", "The same after missed slots.", `"ops"`, `["ops"]`),
	row("on_recover", targets(false, func(t *Task) *[]string { return &t.Hooks.OnRecover }), "", "The same after the first success since a failure.", `"ops"`, `["ops"]`),
	row("on_output", targets(false, func(t *Task) *[]string { return &t.Hooks.OnOutput }), "", "The same after a run that wrote output.", `"ops"`, `["ops"]`),
	row("ping", custom(textType, func(t *Task) *string { return &t.Ping }, setPing), "", "A URL in the style of healthchecks. It is called with /start appended when a run starts, unchanged at each success, and with the exit code or /fail appended at each other end, once no attempt is left; the end of the output is sent with it.", `"https://hc-ping.com/0a1b"`).shown(showPing).hideValue(),
	row("expect_success_within", bound(func(t *Task) *time.Duration { return &t.ExpectSuccessWithin }).read(setExpectWithin), "", "If the last success is older, the notifications of on_failure and on_missed are sent, once.", `"26h"`),
}

// targets is the value of a hook: names of notifications and, unless onlyNotify is set,
// tasks.
func targets[T any](onlyNotify bool, of func(*T) *[]string) value[T] {
	return custom(orList(textType), of, func(loc location, v any, to *T) { loc.targets(v, onlyNotify, of(to)) })
}

// setPing reads the URL to ping.
func setPing(loc location, v any, to *Task) {
	url := ""
	if !loc.filled(v, &url) {
		return
	}
	if strings.Contains(url, "{{") {
		loc.valueError("it is called as it is, but for /start, /fail or the exit code added to its path", "ping cannot contain a template")
		return
	}
	for _, p := range (&runner.HTTP{URL: url}).Check() {
		loc.valueError(`such as "https://hc-ping.com/…"`, "%s", strings.Replace(p.Msg, "url", "ping", 1))
		return
	}
	to.Ping = url
}

// setExpectWithin reads how old the last success may be.
func setExpectWithin(loc location, v any, to *Task) {
	loc.secondOrMore(v, &to.ExpectSuccessWithin)
}

// showPing returns only whether a URL is given: whoever knows the URL can send pings
// in place of the task.
func showPing(t *Task) string {
	if t.Ping == "" {
		return ""
	}
	return "given"
}
