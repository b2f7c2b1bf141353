package daemon

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"rota/runner"
)

// signals is what the daemon hears from outside while it runs.
type signals struct {
	hurry chan struct{} // closed by the second request to stop
	close func()
}

// signals listens: TERM and INT stop, a second one at once; HUP and USR2 reload;
// USR1 writes the state to the log.
func (l *loop) signals(f *file, stop func()) signals {
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(context.Background())
	s := signals{hurry: make(chan struct{}), close: func() { signal.Stop(ch); cancel() }}
	go func() {
		stops := 0
		for {
			select {
			case <-ctx.Done():
				return
			case sig := <-ch:
				switch sig {
				case syscall.SIGHUP, syscall.SIGUSR2:
					go f.reload(ctx, l, true)
				case syscall.SIGUSR1:
					l.post(l.dump)
				case syscall.SIGTERM, syscall.SIGINT:
					if stops++; stops == 1 {
						l.log.Info("stopping; a second signal stops at once", "signal", sig.String())
						stop()
					} else if stops == 2 {
						close(s.hurry)
					}
				}
			}
		}
	}()
	return s
}

// drain lets what is under way come to its end: within shutdown_grace by itself,
// then by its stop signal, then by KILL. Nothing new starts.
func (l *loop) drain(hurry <-chan struct{}) {
	grace := l.cfg.Rota.ShutdownGrace
	if grace < 0 {
		if grace = 30 * time.Second; inContainer() {
			grace = 5 * time.Second
		}
	}
	idle := make(chan struct{})
	go func() { l.runner.Wait(context.Background()); close(idle) }()
	patience := time.NewTimer(grace)
	defer patience.Stop()
	stop := func() { l.runner.StopAll(runner.Lost, "rota stopped") }
	for {
		select {
		case <-l.woken:
			l.posted()
		case <-patience.C:
			l.log.Warn("shutdown_grace is over: stopping what still runs", "grace", grace)
			stop()
		case <-hurry:
			hurry = nil
			stop()
			l.runner.KillAll()
		case <-idle:
			l.posted()
			return
		}
	}
}

// dump writes the state to the log.
func (l *loop) dump() {
	const most = 50
	now := time.Now()
	live, waiting := l.view.Live(""), l.view.Waiting("")
	l.log.Info("state", "config", l.cfg.Path, "tasks", len(l.cfg.Tasks), "running", len(live), "waiting", len(waiting), "file wrong", l.broken != nil)
	for _, r := range live[:min(len(live), most)] {
		l.log.Info("state: running", "task", r.Task, "run", r.ID, "for", now.Sub(r.Started).Round(time.Second).String())
	}
	for _, r := range waiting[:min(len(waiting), most)] {
		l.log.Info("state: waiting", "task", r.Task, "run", r.ID, "for", now.Sub(r.Queued).Round(time.Second).String())
	}
	for _, key := range l.soonest(most) {
		l.comes("state: next", key, now)
	}
}
