package command

import (
	"slices"

	"rota/runner"
)

// candidateFunc returns the candidates of one kind.
type candidateFunc func(*completion) []candidate

// arguments are the kinds of the arguments of each command; the last one is
// that of all that follow.
var arguments = map[string][]candidateFunc{
	"run":        {completeTasks, completeParamsOrTasks},
	"exec":       {completeTasks},
	"stop":       {completeRuns(true, runner.Running)},
	"cancel":     {completeRuns(false, runner.Held, runner.Recurring, runner.Delayed, runner.Queued)},
	"check":      {completeFile},
	"edit":       {completeFile},
	"next":       {completeTasks},
	"explain":    {concat(completeTasks, completeExpr)},
	"import":     {anyOf("crontab", "systemd"), completeFile},
	"show":       {concat(completeTasks, completeAnyRun)},
	"logs":       {concat(completeTasks, completeAnyRun)},
	"result":     {concat(completeTasks, completeAnyRun)},
	"why":        {completeTasks},
	"history":    {completeTasks},
	"hold":       {completeTasks},
	"release":    {completeHeld},
	"skip":       {completeTasks},
	"reschedule": {concat(completeTasks, completeRuns(false, runner.Recurring)), concat(completeExpr, anyOf("default", "never"))},
	"queue":      {anyOf("list", "start", "stop"), completeQueues},
	"forget":     {concat(completeTasks, completeAnyRun)},
	"notify":     {anyOf("test"), completeTargets},
	"completion": {anyOf("bash", "fish", "zsh")},
	"man":        {completeFile},
	"help":       {(*completion).commands},
}

// flagValues are the kinds of the values of flags.
var flagValues = map[string]candidateFunc{
	"config": completeFile, "crontab": completeFile, "socket": completeFile, "token-file": completeFile, "input": completeFile,
	"color":   anyOf("auto", "always", "never"),
	"output":  completeOutput,
	"then":    anyOf("default", "never"),
	"state":   completeStates,
	"tag":     completeTags,
	"outcome": completeOutcomes,
	"attempt": anyOf("all"),
	"on":      completeExpr,
}

func anyOf(list ...string) candidateFunc {
	var candidates []candidate
	for _, w := range list {
		candidates = append(candidates, candidate{word: w})
	}
	return func(*completion) []candidate { return candidates }
}

// completeOutcomes are the outcomes of runs.
func completeOutcomes(*completion) []candidate {
	var candidates []candidate
	for _, o := range outcomes {
		candidates = append(candidates, candidate{word: string(o)})
	}
	return candidates
}

// completeStates are those of tasks.
func completeStates(x *completion) []candidate {
	return append(anyOf("running", "queued", "held", "new", "disabled")(x), completeOutcomes(x)...)
}

// completeTags are those of the tasks that the daemon knows.
func completeTags(x *completion) []candidate {
	defer x.halveTimeout()()
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

// completeOutput are what --output can be: a file, but for the daemon.
func completeOutput(x *completion) []candidate {
	if x.command != nil && x.command.Name == "daemon" {
		return anyOf("none", "raw", "prefix", "json")(x)
	}
	return fileNames
}

func concat(a, b candidateFunc) candidateFunc {
	return func(x *completion) []candidate { return slices.Concat(a(x), b(x)) }
}

func completeFile(*completion) []candidate { return fileNames }

// completeExpr are the keywords of triggers.
func completeExpr(*completion) []candidate {
	return anyOf("interval", "weekday", "monthday", "month", "at", "cron", "once", "in", "between", "@hourly", "@daily", "@weekly", "@monthly", "@yearly")(nil)
}
