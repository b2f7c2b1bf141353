package daemon

import (
	"context"
	"log/slog"
	"sync/atomic"

	"rota/config"
	"rota/internal/notify"
	"rota/runner"
)

// tells is how a daemon tells others what became of runs. Of a nil one nobody is
// told.
type tells struct{ *notify.Notifier }

// told is who is told according to a file.
type told struct {
	of      *config.Config
	targets map[string]notify.Target
	pings   map[string]bool // by URL
}

// newTells makes one that follows the file.
func newTells(inForce *atomic.Pointer[config.Config], stateDir string, log *slog.Logger) *tells {
	var known atomic.Pointer[told]
	follow := func() *told {
		c, k := inForce.Load(), known.Load()
		if k == nil || k.of != c {
			k = &told{c, make(map[string]notify.Target, len(c.Notify)), map[string]bool{}}
			for name, n := range c.Notify {
				k.targets[name] = notify.Target{Name: name, Action: n.Action, Process: n.Process, AtMostEvery: n.AtMostEvery}
			}
			for _, t := range c.Tasks {
				k.pings[t.Ping] = true
			}
			known.Store(k)
		}
		return k
	}
	return &tells{notify.New(notify.Options{
		Targets:  func() map[string]notify.Target { return follow().targets },
		Pings:    func(url string) bool { return follow().pings[url] },
		StateDir: stateDir, Log: log,
	})}
}

// run tells what there is to tell, until ctx ends and some seconds longer.
func (t *tells) run(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.Run(ctx)
}

// send tells a target of an event of a run.
func (t *tells) send(target, event string, run runner.Run) {
	if t != nil {
		t.Send(target, notify.Event{Kind: notify.Kind(event), Run: run})
	}
}

// badConfig tells of a file that is wrong.
func (t *tells) badConfig(targets []string, complaint string) {
	if t == nil {
		return
	}
	for _, name := range targets {
		t.Send(name, notify.Event{Kind: notify.BadConfig, Text: complaint})
	}
}

// started and ended ping whoever watches over a task.
func (t *tells) started(task config.Task, run runner.Run) {
	if t != nil && task.Ping != "" {
		t.Ping.Start(task.Ping, run)
	}
}

func (t *tells) ended(task config.Task, run runner.Run) {
	if t != nil && task.Ping != "" {
		t.Ping.End(task.Ping, run)
	}
}
