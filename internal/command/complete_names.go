package command

import (
	"context"
	"slices"
	"strings"

	"rota/internal/api"
	"rota/runner"
)

// daemon returns who answers; nil if nobody does in time. Only where the user
// names a file it is asked whether it runs that one: each question takes time.
func (x *completion) daemon() api.Service {
	p, err := whereDaemon(x.c)
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

// hurry shortens the wait for the daemon until what it returns is called.
func (x *completion) hurry() (done func()) {
	all := x.c.Context
	ctx, cancel := context.WithTimeout(all, patience/2)
	x.c.Context = ctx
	return func() {
		cancel()
		x.c.Context = all
	}
}

// tasks are those that the daemon knows; if it does not answer in time, those
// that the file seems to name.
func tasks(x *completion) []offer {
	defer x.hurry()()
	if svc := x.daemon(); svc != nil {
		if list, err := svc.Tasks(x.c.Context); err == nil {
			var offers []offer
			for _, t := range list {
				offers = append(offers, offer{t.Task, t.Schedule})
			}
			return offers
		}
	}
	return x.glance("tasks")
}

func targets(x *completion) []offer { return x.glance("notify") }

func queues(x *completion) []offer {
	defer x.hurry()()
	if svc := x.daemon(); svc != nil {
		if q, err := svc.Queues(x.c.Context); err == nil {
			var offers []offer
			for _, one := range q.Queues {
				offers = append(offers, offer{one.Queue, one.State})
			}
			return offers
		}
	}
	return x.glance("queues")
}

// params are the parameters of the task that are not given yet.
func params(x *completion) []offer {
	svc := x.daemon()
	if svc == nil {
		return nil
	}
	list, err := svc.Tasks(x.c.Context, x.args[0])
	if err != nil || len(list) != 1 {
		return nil
	}
	var offers []offer
	for name, value := range list[0].Params {
		given := func(arg string) bool { return strings.HasPrefix(arg, name+"=") }
		if !slices.ContainsFunc(x.args[1:], given) {
			offers = append(offers, offer{name + "=", value})
		}
	}
	slices.SortFunc(offers, func(a, b offer) int { return strings.Compare(a.word, b.word) })
	return offers
}

// paramsOrTasks are what follows the first task of rota run.
func paramsOrTasks(x *completion) []offer {
	if x.failed {
		return tasks(x)
	}
	return params(x)
}

// mostOffers bounds the runs that are offered: nobody reads more.
const mostOffers = 100

// runs are the newest in one of the states and, if that is wanted, their tasks.
func runs(tasksToo bool, states ...runner.State) kind {
	return func(x *completion) []offer {
		svc := x.daemon()
		if svc == nil {
			return nil
		}
		list, err := svc.Runs(x.c.Context, api.RunQuery{States: states, N: mostOffers})
		if err != nil {
			return nil
		}
		var offers []offer
		for _, r := range list {
			if one := (offer{r.Task, "task"}); tasksToo && !slices.Contains(offers, one) {
				offers = append(offers, one)
			}
			offers = append(offers, offer{r.ID, string(r.State) + string(r.Outcome)})
		}
		return offers
	}
}

// anyRun are the newest runs of the task that is typed; before a task is, there
// are too many to be of use.
func anyRun(x *completion) []offer {
	task, _, typed := strings.Cut(x.word, "/")
	if !typed {
		return nil
	}
	svc := x.daemon()
	if svc == nil {
		return nil
	}
	list, err := svc.Runs(x.c.Context, api.RunQuery{Task: task, N: mostOffers})
	if err != nil {
		return nil
	}
	var offers []offer
	for _, r := range list {
		offers = append(offers, offer{r.ID, string(r.State) + string(r.Outcome)})
	}
	return offers
}

// held are tasks and runs that can be released.
func held(x *completion) []offer {
	svc := x.daemon()
	if svc == nil {
		return nil
	}
	list, err := svc.Tasks(x.c.Context)
	if err != nil {
		return x.glance("tasks") // some of which may be held
	}
	var offers []offer
	for _, t := range list {
		if t.Hold != nil {
			offers = append(offers, offer{t.Task, t.Hold.Why})
		}
	}
	return append(offers, runs(false, runner.Held)(x)...)
}
