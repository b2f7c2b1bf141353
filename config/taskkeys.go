package config

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"strings"
	"time"

	"rota/runner"
)

// reach tells which tasks a key has an effect on.
type reach uint8

const (
	anyTask   reach = iota
	processes       // commands, and built-in actions that run in a process of their own
	commands        // commands only
)

// taskKey is a key of [tasks.NAME] that is no trigger and no action.
type taskKey struct {
	reach reach
	set   setter[draft]
}

// taskKeys are the keys of [tasks.NAME] that [defaults] may have too.
var taskKeys = map[string]taskKey{
	"description": {anyTask, func(s spot, v any, to *draft) { s.text(v, &to.Description) }},
	"enabled":     {anyTask, func(s spot, v any, to *draft) { s.truth(v, &to.Enabled) }},
	"tags":        {anyTask, func(s spot, v any, to *draft) { s.texts(v, &to.Tags) }},

	"mode": {anyTask, func(s spot, v any, to *draft) {
		s.oneOf(v, (*string)(&to.Mode), string(runner.Sequential), string(runner.Threaded), string(runner.Forked))
	}},
	"queue": {anyTask, func(s spot, v any, to *draft) { s.filled(v, &to.Queue) }},
	"overlap": {anyTask, func(s spot, v any, to *draft) {
		s.oneOf(v, (*string)(&to.Overlap), string(runner.OverlapSkip), string(runner.OverlapQueue), string(runner.OverlapReplace), string(runner.OverlapAllow))
	}},
	"missed": {anyTask, func(s spot, v any, to *draft) {
		s.oneOf(v, (*string)(&to.Missed), string(runner.MissedSkip), string(runner.MissedOnce), string(runner.MissedAll))
	}},
	"missed_within": {anyTask, func(s spot, v any, to *draft) { s.duration(v, &to.MissedWithin) }},
	"max_wait":      {anyTask, func(s spot, v any, to *draft) { s.duration(v, &to.MaxWait) }},
	"retry":         {anyTask, func(s spot, v any, to *draft) { fill(s, v, retryKeys, "retry", &to.Retry) }},
	"timeout":       {anyTask, func(s spot, v any, to *draft) { s.duration(v, &to.Timeout) }},
	"kill_after":    {anyTask, func(s spot, v any, to *draft) { s.duration(v, &to.KillAfter) }},
	"stop_signal":   {processes, setSignal},
	"success_exit":  {commands, setExits},
	"priority":      {anyTask, func(s spot, v any, to *draft) { s.number(v, -1, 1, &to.Priority) }},
	"params":        {anyTask, setParams},
	"keep":          {anyTask, func(s spot, v any, to *draft) { fill(s, v, keepKeys, "keep", to) }},
	"input_max":     {anyTask, func(s spot, v any, to *draft) { s.size(v, &to.InputMax) }},
	"result_max":    {anyTask, func(s spot, v any, to *draft) { s.size(v, &to.ResultMax) }},
	"hold_after":    {anyTask, func(s spot, v any, to *draft) { s.number(v, 1, math.MaxInt, &to.HoldAfter) }},

	"on_success":            {anyTask, hookSetter(func(h *Hooks) *[]string { return &h.OnSuccess })},
	"on_failure":            {anyTask, hookSetter(func(h *Hooks) *[]string { return &h.OnFailure })},
	"on_missed":             {anyTask, hookSetter(func(h *Hooks) *[]string { return &h.OnMissed })},
	"on_recover":            {anyTask, hookSetter(func(h *Hooks) *[]string { return &h.OnRecover })},
	"on_output":             {anyTask, hookSetter(func(h *Hooks) *[]string { return &h.OnOutput })},
	"ping":                  {anyTask, setPing},
	"expect_success_within": {anyTask, setExpectWithin},

	"user":     {processes, func(s spot, v any, to *draft) { s.filled(v, &to.User) }},
	"group":    {processes, func(s spot, v any, to *draft) { s.filled(v, &to.Group) }},
	"dir":      {processes, func(s spot, v any, to *draft) { s.filePath(v, &to.Dir) }},
	"umask":    {processes, func(s spot, v any, to *draft) { s.octal(v, &to.Umask) }},
	"shell":    {commands, setShell},
	"stdin":    {commands, func(s spot, v any, to *draft) { s.text(v, &to.Stdin) }},
	"env":      {processes, setEnv},
	"env_file": {processes, setEnvFile},
	"nice": {processes, func(s spot, v any, to *draft) {
		n := 0
		if s.number(v, -20, 19, &n) {
			to.Nice = &n
		}
	}},
	"limits": {processes, func(s spot, v any, to *draft) {
		to.Limits = runner.Limits{}
		fill(s, v, limitKeys, "limits", &to.Limits)
	}},
	"secrets": {processes, setSecrets},
}

var limitKeys = map[string]setter[runner.Limits]{
	"files": func(s spot, v any, to *runner.Limits) {
		n := 0
		if s.number(v, 1, math.MaxInt, &n) {
			to.Files = new(uint64(n))
		}
	},
	"cpu_time": func(s spot, v any, to *runner.Limits) {
		d := time.Duration(0)
		if !s.duration(v, &d) {
			return
		}
		if d < time.Second {
			s.wrong("", "cpu_time has to be 1s or more")
			return
		}
		to.CPUTime = new(uint64(d / time.Second))
	},
	"file_size": func(s spot, v any, to *runner.Limits) { setBytes(s, v, &to.FileSize) },
	"core":      func(s spot, v any, to *runner.Limits) { setBytes(s, v, &to.Core) },
}

func setBytes(s spot, v any, to **uint64) {
	n := int64(0)
	if s.size(v, &n) {
		*to = new(uint64(n))
	}
}

func setSignal(s spot, v any, to *draft) {
	name := ""
	if !s.filled(v, &name) {
		return
	}
	if !runner.SignalKnown(name) {
		hint := `write "TERM", "INT", "HUP", "QUIT", "USR1", "USR2" or "none"`
		if bare := strings.TrimPrefix(strings.ToUpper(name), "SIG"); runner.SignalKnown(bare) {
			hint = fmt.Sprintf("write %q", bare)
		}
		s.wrong(hint, "no signal is named %q", name)
		return
	}
	to.StopSignal = name
}

func setExits(s spot, v any, to *draft) {
	var codes []int
	s.each(v, func(s spot, item any) {
		n := 0
		if s.number(item, 0, 255, &n) {
			codes = append(codes, n)
		}
	})
	if codes != nil {
		to.SuccessExit = codes
	}
}

func setShell(s spot, v any, to *draft) {
	if _, ok := v.([]any); !ok {
		s.mismatch(v, "a list", `["/bin/sh", "-c"]`)
		return
	}
	s.texts(v, &to.Shell)
}

var (
	envName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	paramName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

// variable reports whether the key here can be the name of a variable that a
// task is given.
func (s spot) variable(name string) bool {
	switch {
	case !envName.MatchString(name):
		s.odd("letters, digits and _, no digit first", "%q cannot be the name of a variable", name)
	case strings.HasPrefix(name, "ROTA_"):
		s.odd("names with ROTA_ are given by rota", "%s cannot be set", name)
	default:
		return true
	}
	return false
}

func setEnv(s spot, v any, to *draft) {
	env := mapOf(to.Env)
	s.table(v, func(s spot, name string, v any) {
		value := ""
		if s.variable(name) && s.text(v, &value) {
			env[name] = value
		}
	})
	to.Env = env
}

func setParams(s spot, v any, to *draft) {
	params := map[string]string{}
	s.table(v, func(s spot, name string, v any) {
		value := ""
		if !paramName.MatchString(name) {
			s.odd("a small letter, then up to 31 of a-z 0-9 _", "%q cannot be the name of a parameter", name)
		} else if s.text(v, &value) {
			params[name] = value
		}
	})
	to.Params = params
}

func setSecrets(s spot, v any, to *draft) {
	secrets := mapOf(to.Secrets)
	s.table(v, func(s spot, name string, v any) {
		value := ""
		if !s.variable(name) || !s.text(v, &value) {
			return
		}
		from, rest, _ := strings.Cut(value, ":")
		switch {
		case from == "file" && rest != "":
			value = "file:" + s.src.abs(rest)
		case from == "cred" && rest != "" && !strings.Contains(rest, "/"):
		case from == "env" && envName.MatchString(rest):
		default: // the value is not repeated: it may be the secret itself
			s.wrong(`write "file:/path", "cred:NAME" or "env:NAME"`, "secret %s does not say where it comes from", name)
			return
		}
		secrets[name] = value
	})
	to.Secrets = secrets
}

func setEnvFile(s spot, v any, to *draft) {
	path := ""
	if !s.filled(v, &path) {
		return
	}
	if rest, optional := strings.CutPrefix(path, "-"); optional {
		if rest == "" {
			s.wrong(`write "-path" for a file that may be absent`, `env_file is only "-"`)
			return
		}
		to.EnvFile = "-" + s.src.abs(rest)
		return
	}
	to.EnvFile = s.src.abs(path)
}

// mapOf returns a copy of a map, to be added to.
func mapOf(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
