package command

import (
	"slices"

	"rota/runner"
)

// kind finds the words of one kind.
type kind func(*completion) []offer

// arguments are the kinds of the arguments of each command; the last one is
// that of all that follow.
var arguments = map[string][]kind{
	"run":        {tasks, paramsOrTasks},
	"exec":       {tasks},
	"stop":       {runs(true, runner.Running)},
	"cancel":     {runs(false, runner.Held, runner.Recurring, runner.Delayed, runner.Queued)},
	"check":      {aFile},
	"edit":       {aFile},
	"next":       {tasks},
	"explain":    {both(tasks, expr)},
	"import":     {anyOf("crontab", "systemd"), aFile},
	"show":       {both(tasks, anyRun)},
	"logs":       {both(tasks, anyRun)},
	"result":     {both(tasks, anyRun)},
	"why":        {tasks},
	"history":    {tasks},
	"hold":       {tasks},
	"release":    {held},
	"skip":       {tasks},
	"reschedule": {both(tasks, runs(false, runner.Recurring)), both(expr, anyOf("default", "never"))},
	"queue":      {anyOf("list", "start", "stop"), queues},
	"forget":     {both(tasks, anyRun)},
	"notify":     {anyOf("test"), targets},
	"completion": {anyOf("bash", "fish", "zsh")},
	"man":        {aFile},
	"help":       {(*completion).commands},
}

// flagValues are the kinds of the values of flags.
var flagValues = map[string]kind{
	"config": aFile, "crontab": aFile, "socket": aFile, "token-file": aFile, "input": aFile,
	"color":   anyOf("auto", "always", "never"),
	"output":  outputs,
	"then":    anyOf("default", "never"),
	"state":   states,
	"tag":     tags,
	"outcome": ends,
	"attempt": anyOf("all"),
	"on":      expr,
}

func anyOf(list ...string) kind {
	var offers []offer
	for _, w := range list {
		offers = append(offers, offer{word: w})
	}
	return func(*completion) []offer { return offers }
}

// ends are the outcomes of runs.
func ends(*completion) []offer {
	var offers []offer
	for _, o := range outcomes {
		offers = append(offers, offer{word: string(o)})
	}
	return offers
}

// states are those of tasks.
func states(x *completion) []offer {
	return append(anyOf("running", "queued", "held", "new", "disabled")(x), ends(x)...)
}

// tags are those of the tasks that the daemon knows.
func tags(x *completion) []offer {
	defer x.hurry()()
	svc := x.daemon()
	if svc == nil {
		return nil
	}
	list, err := svc.Tasks(x.c.Context)
	if err != nil {
		return nil
	}
	var words []string
	for _, t := range list {
		words = append(words, t.Tags...)
	}
	slices.Sort(words)
	return anyOf(slices.Compact(words)...)(x)
}

// outputs are what --output can be: a file, but for the daemon.
func outputs(x *completion) []offer {
	if x.command != nil && x.command.Name == "daemon" {
		return anyOf("none", "raw", "prefix", "json")(x)
	}
	return files
}

func both(a, b kind) kind {
	return func(x *completion) []offer { return slices.Concat(a(x), b(x)) }
}

func aFile(*completion) []offer { return files }

// expr are the words that a trigger begins with, and goes on with.
func expr(*completion) []offer {
	return anyOf("interval", "weekday", "monthday", "month", "at", "cron", "once", "in", "between", "@hourly", "@daily", "@weekly", "@monthly", "@yearly")(nil)
}
