package config

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"rota/runner"
	"rota/schedule"
)

// draft is a task while it is being read.
type draft struct {
	Task
	own   map[string]bool // keys that stand in its own table
	given map[string]bool // keys that stand there or in [defaults]
}

// newDraft is a task of which nothing is said.
func newDraft() draft {
	return draft{
		Task: Task{
			Task: runner.Task{
				Policy: runner.Policy{
					Mode: runner.Threaded, Overlap: runner.OverlapSkip,
					KillAfter: 10 * time.Second, StopSignal: "TERM", SuccessExit: []int{0},
				},
				Process: runner.Process{Umask: 0o022, Shell: []string{"/bin/sh", "-c"}},
				Output:  1 << 20,
			},
			Enabled: true,
		},
		own:   map[string]bool{},
		given: map[string]bool{},
	}
}

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
	"timeout":      {anyTask, func(s spot, v any, to *draft) { s.duration(v, &to.Timeout) }},
	"kill_after":   {processes, func(s spot, v any, to *draft) { s.duration(v, &to.KillAfter) }},
	"stop_signal":  {processes, setSignal},
	"success_exit": {commands, setExits},
	"priority":     {anyTask, func(s spot, v any, to *draft) { s.number(v, -1, 1, &to.Priority) }},
	"params":       {anyTask, setParams},
	"keep":         {anyTask, func(s spot, v any, to *draft) { fill(s, v, keepKeys, "keep", to) }},

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

var keepKeys = map[string]setter[draft]{
	"output": func(s spot, v any, to *draft) {
		n := int64(0)
		if !s.size(v, &n) {
			return
		}
		if n < 1<<10 {
			s.wrong("", "output is %s, but has to be 1KiB or more", v)
			return
		}
		to.Output = n
	},
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

// defaults reads [defaults], which holds for all tasks, also included ones.
func (l *loader) defaults(s spot, v any) {
	s.table(v, func(s spot, key string, v any) {
		row, ok := taskKeys[key]
		switch {
		case ok:
			row.set(s, v, &l.base)
			l.base.given[key] = true
		case isTaskKey(key):
			s.odd("triggers and actions belong to one task", "%q cannot stand in [defaults]", key)
		default:
			s.unknown(key, taskKeyNames(), "[defaults]")
		}
	})
}

// jobs reads the tasks of a source.
func (l *loader) jobs(src *source) {
	v, ok := src.data["tasks"]
	if !ok {
		return
	}
	spot{l: l, src: src}.at("tasks").table(v, func(s spot, name string, v any) {
		if l.claim(s, "task", name, l.tasks) {
			l.job(s, name, v)
		}
	})
}

// job reads one task.
func (l *loader) job(s spot, name string, v any) {
	d := l.base
	d.Name, d.own, d.given = name, map[string]bool{}, maps.Clone(l.base.given)
	d.Base = s.src.dir
	guessed := false // an unknown key may well be the action
	var acts []string
	isTable := s.table(v, func(s spot, key string, v any) {
		d.own[key], d.given[key] = true, true
		row, known := taskKeys[key]
		read := actions[key]
		switch {
		case known:
			row.set(s, v, &d)
		case read != nil:
			acts = append(acts, key)
			before := len(l.complaints)
			if a := read(s, v); a != nil {
				d.Action = a
				s.check(a, before)
			}
		case key == "triggers" || slices.Contains(schedule.TriggerKeys, key):
		default:
			guessed = true
			s.unknownInTask(key, v, name)
		}
	})
	if !isTable {
		return
	}
	l.triggers(s, v.(map[string]any), &d)
	switch {
	case len(acts) == 0 && !guessed:
		s.odd("add one of command, log, http, write and clean", "task %q does nothing", name)
	case len(acts) > 1:
		slices.SortFunc(acts, func(a, b string) int {
			return complaint{spot: s.at(a)}.where().start - complaint{spot: s.at(b)}.where().start
		})
		for _, key := range acts[1:] {
			s.at(key).odd("two actions are two tasks", "task %q has %s beside %s", name, key, acts[0])
		}
	case len(acts) == 1:
		d.settle(s, acts[0])
	}
	l.config.Tasks[name] = d.Task
}

// settle applies the rules that span several keys.
func (d *draft) settle(s spot, action string) {
	builtin := action != "command"
	if builtin {
		d.refuse(s, action)
	} else if c, ok := d.Action.(*runner.Command); ok && c.Argv != nil && d.own["shell"] {
		s.at("shell").odd("leave it out, or make command a text", "shell has no effect on a command that is a list")
	}
	if builtin && !d.given["timeout"] {
		d.Timeout = time.Minute
	}
	if d.Mode == runner.Sequential && d.Queue == "" {
		d.Queue = "main"
	}
	if d.Queue == "" {
		return
	}
	if _, ok := s.l.config.Queues[d.Queue]; !ok {
		known := slices.Sorted(maps.Keys(s.l.config.Queues))
		hint := didYouMean(d.Queue, known)
		if hint == "" {
			hint = fmt.Sprintf("add [queues.%s]", tomlKey(d.Queue))
		}
		at := s.at("queue")
		if !d.own["queue"] {
			at = spot{l: s.l, src: s.l.sources[0]}.at("defaults").at("queue")
		}
		at.wrong(hint, "there is no queue %q", d.Queue)
	}
}

// refuse complains about keys that would have no effect on a built-in action,
// and takes back what [defaults] say of them.
func (d *draft) refuse(s spot, action string) {
	plain := newDraft()
	for _, key := range slices.Sorted(maps.Keys(taskKeys)) {
		reach := taskKeys[key].reach
		if reach == anyTask || reach == processes && d.Mode == runner.Forked || !d.own[key] {
			continue
		}
		hint := `leave it out, or add mode = "forked"`
		if reach == commands {
			hint = "leave it out; it is for commands"
		}
		s.at(key).odd(hint, "%s has no effect on %s, which runs inside rota", key, action)
	}
	if d.Mode != runner.Forked {
		base := d.Base
		d.Process = plain.Process
		d.Base = base
		d.KillAfter, d.StopSignal = plain.KillAfter, plain.StopSignal
	}
	d.Shell, d.Stdin, d.SuccessExit = plain.Shell, "", plain.SuccessExit
}

// foreign are the names that other schedulers have for a key.
var foreign = map[string]string{
	"cmd": "command", "run": "command", "exec": "command", "script": "command", "job": "command",
	"schedule": "cron", "crontab": "cron", "every": "interval", "period": "interval", "day": "weekday", "days": "weekday",
	"time": "at", "cwd": "dir", "workdir": "dir", "working_dir": "dir", "environment": "env", "depends": "queue",
	"name": "description", "disabled": "enabled", "url": "http", "concurrency": "overlap", "tz": "timezone", "zone": "timezone",
}

// unknownInTask complains about a key that no task has.
func (s spot) unknownInTask(key string, v any, task string) {
	hint := didYouMean(key, taskKeyNames())
	if t, isTable := v.(map[string]any); hint == "" && isTable && slices.ContainsFunc(slices.Collect(maps.Keys(t)), isTaskKey) {
		hint = fmt.Sprintf("a name with a dot needs quotes: [tasks.%s]", tomlKey(task+"."+key))
	}
	if ours := foreign[strings.ToLower(key)]; hint == "" && ours != "" {
		hint = fmt.Sprintf("did you mean %q?", ours)
	}
	s.odd(hint, "unknown key %q in task %s", key, quote(task))
}

// taskKeyNames are all keys of [tasks.NAME].
func taskKeyNames() []string {
	list := slices.Collect(maps.Keys(taskKeys))
	list = append(list, schedule.TriggerKeys...)
	list = append(list, "triggers")
	return slices.AppendSeq(list, maps.Keys(actions))
}

func isTaskKey(key string) bool { return slices.Contains(taskKeyNames(), key) }

// tomlKey returns a name as it has to be written in a table's header.
func tomlKey(name string) string {
	for i := range len(name) {
		if !bare(name[i]) {
			return quote(name)
		}
	}
	return name
}

// seal gives each task what follows from all of them together.
func (l *loader) seal() {
	var drop []string
	for _, t := range l.config.Tasks {
		for _, from := range t.Secrets {
			if name, ok := strings.CutPrefix(from, "env:"); ok {
				drop = append(drop, name)
			}
		}
	}
	slices.Sort(drop)
	drop = slices.Compact(drop)
	for name, t := range l.config.Tasks {
		t.DropEnv = drop
		t.hash = t.sum()
		l.config.Tasks[name] = t
	}
}
