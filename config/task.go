package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"rota/internal/suggest"
	"rota/runner"
)

// taskBuilder is a task that is being read.
type taskBuilder struct {
	Task
	table    map[string]any // of the task
	defaults map[string]any // the table [defaults]
}

// own reports whether a key is in the table of the task.
func (d *taskBuilder) own(key string) bool { _, ok := d.table[key]; return ok }

// newTaskBuilder returns a task with the defaults of all keys.
func newTaskBuilder() taskBuilder { return taskBuilder{Task: emptyTask()} }

var emptyTask = sync.OnceValue(func() (t Task) {
	preset(taskKeys, &t)
	preset(keepTable.keys, &t)
	preset(retryTable.keys, &t.Retry)
	t.KillSet = false
	return t
})

// readDefaults reads [defaults], which holds for all tasks, also included ones.
func (l *loader) readDefaults(loc location, v any) {
	l.base.defaults, _ = v.(map[string]any)
	loc.table(v, func(loc location, name string, v any) {
		k := find(defaultsKeys, name)
		switch {
		case k != nil:
			k.set(loc, v, &l.base.Task)
		case isTaskKey(name):
			loc.keyError("triggers, after and actions belong to one task", "%q is not allowed in [defaults]", name)
		default:
			loc.unknown(name, taskNames, "[defaults]")
		}
	})
}

// readTasks reads [tasks].
func (l *loader) readTasks(loc location, v any) {
	loc.table(v, func(loc location, name string, v any) {
		if l.register(loc, "task", name, l.tasks) {
			l.readTask(loc, name, v)
		}
	})
}

// readTask reads one task.
func (l *loader) readTask(loc location, name string, v any) {
	l.task = l.base
	d := &l.task
	d.Name = name
	d.table, _ = v.(map[string]any)
	d.Base = loc.src.dir
	unsure := false // an unknown key is most likely the action
	var acts []string
	isTable := loc.table(v, func(loc location, key string, v any) {
		k, act := find(taskKeys, key), findAction(actions, key)
		switch {
		case k != nil:
			k.set(loc, v, &d.Task)
		case act != nil:
			acts = append(acts, key)
			before := len(l.complaints)
			if a := act.read(loc, v); a != nil {
				d.Action = a
				loc.check(a, before)
			}
		case key == severalTriggers.Name || slices.Contains(triggerNames, key):
		default:
			unsure = loc.unknownInTask(key, v, name) || unsure
		}
	})
	if !isTable {
		return
	}
	l.triggers(loc, v.(map[string]any), d)
	switch {
	case len(acts) == 0 && !unsure:
		loc.keyError("add one of "+enumerate(actionNames(actions)), "task %q has no action", name)
	case len(acts) > 1:
		loc.inOrder(acts)
		for _, key := range acts[1:] {
			loc.at(key).keyError("for both, write two tasks", "task %q has two actions, %[3]s and %[2]s", name, key, acts[0])
		}
	case len(acts) == 1:
		d.checkKeys(loc, acts[0])
	}
	d.Zone = d.zone(l.config.Rota.Timezone).String()
	l.config.Tasks[name] = l.packer.pack(d.Task)
}

// checkKeys applies the rules that span several keys.
func (d *taskBuilder) checkKeys(loc location, action string) {
	builtin := action != "command"
	if builtin {
		d.rejectUnused(loc, action)
	} else if c, ok := d.Action.(*runner.Command); ok && c.Argv != nil && d.own("shell") {
		loc.at("shell").keyError("remove it, or make command a string", "shell has no effect on a command that is a list")
	}
	if _, common := d.defaults["timeout"]; builtin && !common && !d.own("timeout") {
		d.Timeout = time.Minute
	}
	if d.TimeoutOK && d.Timeout == 0 && d.own("timeout_ok") {
		loc.at("timeout_ok").keyError(`add timeout = "1h"`, "timeout_ok has no effect without a timeout")
	}
	d.checkLate(loc)
	d.checkParams(loc.at(action))
	if d.Mode == runner.Sequential && d.Queue == "" {
		d.Queue = "main"
	}
	if d.Queue == "" {
		return
	}
	if _, ok := loc.l.config.Queues[d.Queue]; !ok {
		hint := suggestName(loc.l, "", d.Queue, loc.l.config.Queues, fmt.Sprintf("add [queues.%s]", tomlKey(d.Queue)))
		at := loc.at("queue")
		if !d.own("queue") {
			at = location{l: loc.l, src: loc.l.sources[0]}.at("defaults").at("queue")
		}
		at.valueError(hint, "unknown queue %q", d.Queue)
	}
}

// checkParams complains about parameters in the templates of the action here that the
// task does not have. A request cannot add parameters.
func (d *taskBuilder) checkParams(loc location) {
	for _, use := range runner.ParamUses(d.Action) {
		if _, ok := d.Params[use.Name]; ok {
			continue
		}
		hint := didYouMean(use.Name, slices.Collect(maps.Keys(d.Params)))
		if hint == "" && paramName.MatchString(use.Name) {
			hint = fmt.Sprintf(`add params = { %s = "…" }`, use.Name)
			if d.own("params") {
				hint = fmt.Sprintf(`add %s = "…" to params`, use.Name)
			}
		}
		loc.at(use.Key).valueError(hint, "template: the task has no parameter %q", use.Name)
	}
}

// rejectUnused complains about keys that have no effect on a built-in action, and
// resets those that [defaults] set.
func (d *taskBuilder) rejectUnused(loc location, action string) {
	plain := emptyTask()
	for _, k := range taskKeys {
		if k.reach == anyTask || k.reach == processes && d.hasProcess(action) || !d.own(k.Name) {
			continue
		}
		hint := `remove it, or add mode = "forked"`
		if k.reach == commands {
			hint = "remove it; it applies to commands only"
		}
		loc.at(k.Name).keyError(hint, "%s has no effect on %s, which runs inside rota", k.Name, action)
	}
	if !d.hasProcess(action) {
		base := d.Base
		d.Process = plain.Process
		d.Base = base
		d.StopSignal, d.Leftovers = plain.StopSignal, plain.Leftovers
	}
	d.Shell, d.Stdin, d.SuccessExit = plain.Shell, "", plain.SuccessExit
}

// hasProcess reports whether the process keys have an effect on a task with a built-in
// action: its condition only_if is a process, and so is an action that is forked or
// runs as another user or group. An action log never runs as another user: it writes
// to the log of rota.
func (d *taskBuilder) hasProcess(action string) bool {
	return d.OnlyIf != nil || d.Mode == runner.Forked || action != "log" && (d.User != "" || d.Group != "")
}

// foreignKeys maps the names that other schedulers use to our keys.
var foreignKeys = map[string]string{
	"cmd": "command", "run": "command", "exec": "command", "script": "command", "job": "command",
	"schedule": "cron", "crontab": "cron", "period": "interval", "day": "weekday", "days": "weekday",
	"time": "at", "tz": "timezone", "zone": "timezone", "cwd": "dir", "workdir": "dir", "working_dir": "dir", "environment": "env",
	"url": "http", "concurrency": "overlap", "disabled": "enabled",
}

// unknownInTask complains about a key that no task has, and reports whether the key
// may be a misspelled action, so that the task does not lack one.
func (loc location) unknownInTask(key string, v any, task string) (action bool) {
	meant := suggest.Nearest(key, taskNames)
	if meant == "" {
		meant = foreignKeys[strings.ToLower(key)]
	}
	hint := ""
	t, isTable := v.(map[string]any)
	dotted := meant == "" && isTable && slices.ContainsFunc(slices.Collect(maps.Keys(t)), isTaskKey)
	switch {
	case meant != "":
		hint = fmt.Sprintf("did you mean %q?", meant)
	case dotted:
		hint = fmt.Sprintf("a name with a dot needs quotes: [tasks.%s]", tomlKey(task+"."+key))
	}
	loc.keyError(hint, "unknown key %q in task %s", key, quote(task))
	return dotted || findAction(actions, meant) != nil
}

// tomlKey returns a name as it must be written in a table's header.
func tomlKey(name string) string {
	for i := range len(name) {
		if !bare(name[i]) {
			return quote(name)
		}
	}
	return name
}

// finishTasks sets what all tasks have because of some of them.
func (l *loader) finishTasks() {
	var drop []string
	for _, p := range l.packer.processes.all {
		for _, from := range p.Secrets {
			if name, ok := strings.CutPrefix(from, "env:"); ok {
				drop = append(drop, name)
			}
		}
	}
	slices.Sort(drop)
	drop = slices.Compact(drop)
	for _, p := range l.packer.processes.all {
		p.DropEnv = drop
	}
}
