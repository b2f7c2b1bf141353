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

// targets are those of a file.
type targets struct {
	of  *config.Config
	all map[string]notify.Target
}

// newTells makes one that follows the file.
func newTells(inForce *atomic.Pointer[config.Config], stateDir string, log *slog.Logger) *tells {
	var known atomic.Pointer[targets]
	follow := func() map[string]notify.Target {
		c, k := inForce.Load(), known.Load()
		if k == nil || k.of != c {
			k = &targets{c, make(map[string]notify.Target, len(c.Notify))}
			for name, n := range c.Notify {
				k.all[name] = notify.Target{Name: name, Action: n.Action, Process: n.Process, AtMostEvery: n.AtMostEvery}
			}
			known.Store(k)
		}
		return k.all
	}
	return &tells{notify.New(notify.Options{Targets: follow, StateDir: stateDir, Log: log})}
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
