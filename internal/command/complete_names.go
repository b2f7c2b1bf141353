package command

import (
	"context"
	"slices"
	"strings"

	"rota/internal/api"
	"rota/runner"
)

// daemon returns the daemon; nil if none answers in time. Only where the user names a file
// it is asked whether it runs that one: each question takes time.
func (x *completion) daemon() api.Service {
	p, err := findDaemon(x.c)
	if err != nil {
		return nil
	}
	connect := p.dial
	if p.file != "" {
		connect = func() (api.Service, error) { return x.s.service(x.c) }
	}
	svc, err := connect()
	if err != nil {
		return nil
	}
	return svc
}

// halveTimeout halves the timeout until done is called.
func (x *completion) halveTimeout() (done func()) {
	all := x.c.Context
	ctx, cancel := context.WithTimeout(all, completionTimeout/2)
	x.c.Context = ctx
	return func() {
		cancel()
		x.c.Context = all
	}
}

// completeTasks are those that the daemon knows; if it does not answer in time, those
// that scanNames finds in the file.
func completeTasks(x *completion) []candidate {
	defer x.halveTimeout()()
	if svc := x.daemon(); svc != nil {
		if list, err := svc.Tasks(x.c.Context); err == nil {
			var candidates []candidate
			for _, t := range list {
				candidates = append(candidates, candidate{t.Task, t.Schedule})
			}
			return candidates
		}
	}
	return x.scanNames("tasks")
}

func completeTargets(x *completion) []candidate { return x.scanNames("notify") }

func completeQueues(x *completion) []candidate {
	defer x.halveTimeout()()
	if svc := x.daemon(); svc != nil {
		if q, err := svc.Queues(x.c.Context); err == nil {
			var candidates []candidate
			for _, one := range q.Queues {
				candidates = append(candidates, candidate{one.Queue, one.State})
			}
			return candidates
		}
	}
	return x.scanNames("queues")
}

// completeParams are the parameters of the task that are not given yet.
func completeParams(x *completion) []candidate {
	svc := x.daemon()
	if svc == nil {
		return nil
	}
	list, err := svc.Tasks(x.c.Context, x.args[0])
	if err != nil || len(list) != 1 {
		return nil
	}
	var candidates []candidate
	for name, value := range list[0].Params {
		given := func(arg string) bool { return strings.HasPrefix(arg, name+"=") }
		if !slices.ContainsFunc(x.args[1:], given) {
			candidates = append(candidates, candidate{name + "=", value})
		}
	}
	slices.SortFunc(candidates, func(a, b candidate) int { return strings.Compare(a.word, b.word) })
	return candidates
}

// completeParamsOrTasks are what follows the first task of rota run.
func completeParamsOrTasks(x *completion) []candidate {
	if x.failed {
		return completeTasks(x)
	}
	return completeParams(x)
}

// maxCandidates bounds the runs that are listed.
const maxCandidates = 100

// completeRuns are the newest runs in one of the states and, with tasksToo, their tasks.
func completeRuns(tasksToo bool, states ...runner.State) candidateFunc {
	return func(x *completion) []candidate {
		svc := x.daemon()
		if svc == nil {
			return nil
		}
		list, err := svc.Runs(x.c.Context, api.RunQuery{States: states, N: maxCandidates})
		if err != nil {
			return nil
		}
		var candidates []candidate
		for _, r := range list {
			if one := (candidate{r.Task, "task"}); tasksToo && !slices.Contains(candidates, one) {
				candidates = append(candidates, one)
			}
			candidates = append(candidates, candidate{r.ID, string(r.State) + string(r.Outcome)})
		}
		return candidates
	}
}

// completeAnyRun are the newest runs of the task that is typed; without a task there are
// too many.
func completeAnyRun(x *completion) []candidate {
	task, _, typed := strings.Cut(x.word, "/")
	if !typed {
		return nil
	}
	svc := x.daemon()
	if svc == nil {
		return nil
	}
	list, err := svc.Runs(x.c.Context, api.RunQuery{Task: task, N: maxCandidates})
	if err != nil {
		return nil
	}
	var candidates []candidate
	for _, r := range list {
		candidates = append(candidates, candidate{r.ID, string(r.State) + string(r.Outcome)})
	}
	return candidates
}

// completeHeld are tasks and runs that can be released.
func completeHeld(x *completion) []candidate {
	svc := x.daemon()
	if svc == nil {
		return nil
	}
	list, err := svc.Tasks(x.c.Context)
	if err != nil {
		return x.scanNames("tasks") // some may be held
	}
	var candidates []candidate
	for _, t := range list {
		if t.Hold != nil {
			candidates = append(candidates, candidate{t.Task, t.Hold.Why})
		}
	}
	return append(candidates, completeRuns(false, runner.Held)(x)...)
}
