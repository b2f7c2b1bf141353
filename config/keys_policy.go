package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rota/runner"
	"rota/schedule"
)

// policyKeys are the keys of how a task runs.
var policyKeys = []key[Task]{
	row("mode", word(func(t *Task) *runner.Mode { return &t.Mode }, runner.Sequential, runner.Threaded, runner.Forked), `"threaded"`, "threaded: at once, and it ends with rota. sequential: one after another in its queue. forked: at once, and it continues when rota is stopped or restarted.", `"forked"`),
	row("queue", someText(func(t *Task) *string { return &t.Queue }), "", "The queue that its runs wait in. Default: main for a sequential task, none for others.", `"slow"`),
	row("overlap", word(func(t *Task) *runner.Overlap { return &t.Overlap }, runner.OverlapSkip, runner.OverlapQueue, runner.OverlapReplace, runner.OverlapAllow), `"skip"`, "What happens to a slot while a run of the task is waiting or running: skip it, queue it, replace that run, or allow both.", `"queue"`),
	row("missed", word(func(t *Task) *runner.CatchUp { return &t.Missed }, runner.MissedSkip, runner.MissedOnce, runner.MissedAll), "", "What happens to slots that passed while rota could not start them: skip all, run once for the newest, or run all. Default: a trigger that names a time of day runs up to three hours late if rota was running when it was due, a trigger with once always runs, all others are skipped.", `"once"`).shown(showMissed),
	row("missed_within", bound(func(t *Task) *time.Duration { return &t.MissedWithin }), "", "Slots that are later are not started. Default: a day for all, no limit for once.", `"1h"`),
	row("max_wait", bound(func(t *Task) *time.Duration { return &t.MaxWait }), `"0s"`, "A run that has been queued for longer is skipped. 0s is no limit.", `"10m"`),
	row("only_if", custom(orList(textType), func(t *Task) **runner.Command { return &t.OnlyIf }, setOnlyIf), "", "A condition that is checked before each run, with the user, environment and directory of the task: a text for the shell or a list of a program and its arguments. With exit code 0 the task runs; with 1 to 254 the run is skipped or, with max_wait, the condition is checked again every 30s until then; with 255, a signal or after 30s the run fails. It is not checked for forced runs, nor by rota exec.", `"test -e /mnt/backup"`, `["on_ac_power"]`).shown(showOnlyIf).hideValue(),
	row("timeout", bound(func(t *Task) *time.Duration { return &t.Timeout }), "", "How long a run may take. Default: a minute for built-in actions, no limit for commands. 0s is no limit.", `"4h"`),
	row("timeout_ok", boolean(func(t *Task) *bool { return &t.TimeoutOK }), "false", "true: a run that is stopped at its timeout has ended normally, with the outcome ok. A built-in action that does not return still ends as timeout.", "true"),
	row("kill_after", duration(func(t *Task) *time.Duration { return &t.KillAfter }).read(setKillAfter), `"10s"`, "How long a run has to end after the stop signal, before it gets KILL. When rota stops as process 1 of a container the default is 3s.", `"1m"`),
	row("stop_signal", custom(textType, func(t *Task) *string { return &t.StopSignal }, setSignal), `"TERM"`, "The signal that requests a run to end. none sends none: the command must check rota proceed.", `"INT"`, `"none"`).only(processes),
	row("leftovers", word(func(t *Task) *runner.Leftovers { return &t.Leftovers }, runner.LeftoversKeep, runner.LeftoversStop), `"keep"`, "What happens to processes of a run that are still alive when its command ends. keep: the run ends, and they continue. stop: they are stopped as at a timeout, and then the run ends with the outcome of its command.", `"stop"`).only(processes),
	row("success_exit", custom(orList(numberType(0, 255)), func(t *Task) *[]int { return &t.SuccessExit }, setExits), "[0]", "Exit codes that are success.", "3", "[0, 3]").only(commands),
	row("retry", nested(retryTable, "retry", func(t *Task) *runner.Retry { return &t.Retry }).canonical(formatRetry), "", "When a failed run is retried.", "{ max = 3 }"),
	row("priority", number(-1, 1, func(t *Task) *int { return &t.Priority }), "0", "Of queued runs, those with 1 start first and those with -1 last.", "-1", "1"),
	row("hold_after", number(1, noLimit, func(t *Task) *int { return &t.HoldAfter }), "", "After this number of failures in a row the task is held and the notifications of on_failure are sent. Default: never.", "5"),
	row("keep", nested(keepTable, "keep", func(t *Task) *Task { return t }).canonical(func(t *Task) any { return formatKeep(t.Keep, t.Output) }), "", "How much history is kept.", "{ runs = 100 }"),
}

var retryTable = &table[runner.Retry]{
	name: "tasks.NAME.retry", text: "When a failed run is retried.",
	keys: []key[runner.Retry]{
		row("max", number(0, noLimit, func(r *runner.Retry) *int { return &r.Max }), "0", "How many attempts follow the first.", "3"),
		row("delay", duration(func(r *runner.Retry) *time.Duration { return &r.Delay }), `"30s"`, "The delay of the first retry.", `"1m"`),
		row("factor", custom(Type{Name: "a number", Number: true, Min: 1, Max: 100, Fraction: true}, func(r *runner.Retry) *float64 { return &r.Factor }, setFactor), "2", "The factor by which the delay grows with each retry.", "1.5", "3"),
		row("max_delay", duration(func(r *runner.Retry) *time.Duration { return &r.MaxDelay }), `"1h"`, "The longest delay.", `"10m"`),
		row("on", custom(orList(endType), func(r *runner.Retry) *[]string { return &r.On }, setRetryOn), `["failed", "timeout", "lost"]`, "The outcomes and exit codes that are retried.", `"lost"`, `["failed", 75]`, "75"),
	},
}

// retryOutcomes are the outcomes after which there may be another attempt.
var retryOutcomes = []string{string(runner.Failed), string(runner.TimedOut), string(runner.Lost)}

var endType = Type{Name: "failed, timeout, lost or an exit code", Text: true, Words: retryOutcomes, Number: true, Min: 1, Max: 255}

func setSignal(loc location, v any, to *Task) {
	name := ""
	if !loc.filled(v, &name) {
		return
	}
	if !runner.SignalKnown(name) {
		hint := `write "TERM", "INT", "HUP", "QUIT", "USR1", "USR2" or "none"`
		if bare := strings.TrimPrefix(strings.ToUpper(name), "SIG"); runner.SignalKnown(bare) {
			hint = fmt.Sprintf("write %q", bare)
		}
		loc.valueError(hint, "unknown signal %q", name)
		return
	}
	to.StopSignal = name
}

// setOnlyIf reads the condition that is checked before each run.
func setOnlyIf(loc location, v any, to *Task) {
	before := len(loc.l.complaints)
	if c, ok := readCommand(loc, v).(*runner.Command); ok {
		wrong := c.Check()
		for i := range wrong {
			wrong[i].Hint = strings.ReplaceAll(wrong[i].Hint, "command =", "only_if =")
		}
		loc.problems(wrong, before)
		to.OnlyIf = c
	}
}

// showOnlyIf returns the condition as one line.
func showOnlyIf(t *Task) string {
	switch {
	case t.OnlyIf == nil:
		return ""
	case t.OnlyIf.Text != "":
		return strings.Join(strings.Fields(t.OnlyIf.Text), " ")
	}
	return strings.Join(t.OnlyIf.Argv, " ")
}

func setKillAfter(loc location, v any, to *Task) {
	to.KillSet = loc.duration(v, &to.KillAfter)
}

func setExits(loc location, v any, to *Task) {
	var codes []int
	loc.each(v, func(loc location, item any) {
		n := 0
		if loc.number(item, 0, 255, &n) {
			codes = append(codes, n)
		}
	})
	if codes != nil {
		to.SuccessExit = codes
	}
}

func setFactor(loc location, v any, to *runner.Retry) {
	factor, ok := v.(float64)
	if n, whole := v.(int64); whole {
		factor, ok = float64(n), true
	}
	switch {
	case !ok:
		loc.mismatch(v, "a number", "2 or 1.5")
	case !(factor >= 1 && factor <= 100):
		loc.valueError("", "factor is %v, but must be 1 to 100", v)
	default:
		to.Factor = factor
	}
}

// setRetryOn reads outcomes and exit codes.
func setRetryOn(loc location, v any, to *runner.Retry) {
	var on []string
	loc.each(v, func(loc location, item any) {
		if _, isNumber := item.(int64); isNumber {
			code := 0
			if loc.number(item, 1, 255, &code) {
				on = append(on, strconv.Itoa(code))
			}
			return
		}
		word := ""
		if loc.oneOf(item, &word, retryOutcomes...) {
			on = append(on, word)
		}
	})
	if on != nil {
		to.On = on
	}
}

// formatRetry returns the retry policy in few words.
func formatRetry(t *Task) any {
	r := t.Retry
	if r.Max == 0 {
		return "none"
	}
	return fmt.Sprintf("%d after %s×%g, up to %s, on %s", r.Max, schedule.FormatDuration(r.Delay), r.Factor, schedule.FormatDuration(r.MaxDelay), strings.Join(r.On, ", "))
}

// showMissed returns what happens to missed slots, also if the file does not set
// missed.
func showMissed(t *Task) string {
	if t.Missed != "" {
		return string(t.Missed)
	}
	var once int
	for _, spec := range t.Triggers {
		if spec.Kind() == schedule.Once {
			once++
		}
	}
	switch once {
	case 0:
		return "skip, except slots that are slightly late while rota was running"
	case len(t.Triggers):
		return string(runner.MissedOnce)
	}
	return "once for triggers with once, else skip, except slots that are slightly late while rota was running"
}
