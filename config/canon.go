package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"rota/runner"
	"rota/schedule"
)

// field is one key of a task in its canonical form: with defaults applied and
// paths absolute, so that two tasks that do the same look the same.
type field struct {
	key   string
	value any  // of a kind that encoding/json can write
	show  bool // short and no secret: fit for a list of changes
}

// fields is the canonical form of a task: all that can differ between two.
// DropEnv is left out; it follows from other tasks.
func (t Task) fields() []field {
	dir := t.Dir
	if t.User == "" {
		dir = cmp.Or(dir, t.Base)
	}
	return []field{
		{"description", t.Description, false},
		{"enabled", t.Enabled, true},
		{"tags", t.Tags, true},
		{"triggers", t.triggerTexts(), false},
		{runner.ActionName(t.Action), t.Action, false},
		{"mode", t.Mode, true},
		{"queue", t.Queue, true},
		{"overlap", t.Overlap, true},
		{"timeout", schedule.FormatDuration(t.Timeout), true},
		{"kill_after", schedule.FormatDuration(t.KillAfter), true},
		{"stop_signal", t.StopSignal, true},
		{"success_exit", t.SuccessExit, true},
		{"priority", t.Priority, true},
		{"missed", t.Missed, true},
		{"missed_within", schedule.FormatDuration(t.MissedWithin), true},
		{"max_wait", schedule.FormatDuration(t.MaxWait), true},
		{"retry", formatRetry(t.Retry), true},
		{"params", t.Params, false},
		{"keep", formatKeep(t.Keep, t.Output), true},
		{"hold_after", t.HoldAfter, true},
		{"on_success", t.Hooks.OnSuccess, true},
		{"on_failure", t.Hooks.OnFailure, true},
		{"on_missed", t.Hooks.OnMissed, true},
		{"on_recover", t.Hooks.OnRecover, true},
		{"on_output", t.Hooks.OnOutput, true},
		{"ping", t.Ping, false}, // whoever knows it can pretend to be the task
		{"expect_success_within", schedule.FormatDuration(t.ExpectSuccessWithin), true},
		{"input_max", formatSize(t.InputMax), true},
		{"result_max", formatSize(t.ResultMax), true},
		{"user", t.User, true},
		{"group", t.Group, true},
		{"dir", dir, true},
		{"umask", fmt.Sprintf("%04o", t.Umask), true},
		{"shell", t.Shell, false},
		{"stdin", t.Stdin, false},
		{"env", t.Env, false},
		{"env_file", t.EnvFile, true},
		{"nice", t.Nice, true},
		{"limits", t.Limits, false},
		{"secrets", t.Secrets, false},
	}
}

// triggerTexts is what the triggers say, each with its zone.
func (t Task) triggerTexts() []string {
	texts := make([]string, len(t.Triggers))
	for i, spec := range t.Triggers {
		texts[i] = fmt.Sprintf("%s (%s)", spec, spec.Zone())
	}
	return texts
}

// text is the value as it is shown and compared.
func (f field) text() string {
	text, err := json.Marshal(f.value)
	if err != nil {
		panic(err) // no field has a value that JSON cannot write
	}
	return string(text)
}

// short is the value for a list of changes.
func (f field) short() string {
	text := f.text()
	if plain, err := strconv.Unquote(text); err == nil {
		text = plain
	}
	if text == "" || text == "null" || text == "0s" && f.key != "kill_after" {
		return "none"
	}
	return text
}

// sum is the hash over the canonical form.
func (t Task) sum() string {
	form := []any{t.Name}
	for _, f := range t.fields() {
		form = append(form, f.key, f.value)
	}
	text, err := json.Marshal(form)
	if err != nil {
		panic(err) // no field has a value that JSON cannot write
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Hash returns a hash over the canonical form of the task: equal for equal
// tasks, also from one start of rota to the next.
func (t Task) Hash() string { return t.hash }

// Equal reports whether the two tasks have the same name and do the same, in
// the same way, at the same times.
func (t Task) Equal(o Task) bool { return t.hash == o.hash }

// formatSize writes a number of bytes with the largest unit that divides it.
func formatSize(n int64) string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if size := units[unit]; n >= size && n%size == 0 {
			return fmt.Sprintf("%d%s", n/size, unit)
		}
	}
	return fmt.Sprintf("%dB", n)
}
