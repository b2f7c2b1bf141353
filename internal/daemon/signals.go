package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"rota/internal/early"
	"rota/runner"
)

// signals is what the daemon hears from outside, from its first moment on.
type signals struct {
	raw   chan os.Signal // as they come
	ch    chan os.Signal // for serve
	hurry chan struct{}  // closed by the second request to stop
	end   context.CancelFunc
	ctx   context.Context
}

// lastTime is how long a daemon may take to end after the second request to stop:
// long enough to see processes die of KILL.
const lastTime = 10 * time.Second

// listen catches the signals that serve will answer; until then they wait. The
// second request to stop always ends the process, whatever it is waiting for:
// the ledger is as good then as after a kill.
func listen(log *slog.Logger) *signals {
	s := &signals{raw: early.Signals(), ch: make(chan os.Signal, 64), hurry: make(chan struct{})}
	s.ctx, s.end = context.WithCancel(context.Background())
	// SIGPIPE is caught and not ignored, which commands would inherit.
	signal.Notify(s.raw, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
	go s.pass(func() {
		log.Error("cannot end in order: exiting", "waited", lastTime.String())
		os.Exit(1)
	})
	return s
}

// pass passes on the signals, and counts those that ask for a stop.
func (s *signals) pass(exit func()) {
	stops := 0
	for {
		select {
		case <-s.ctx.Done():
			return
		case sig := <-s.raw:
			if sig == syscall.SIGTERM || sig == syscall.SIGINT {
				if stops++; stops == 2 {
					close(s.hurry)
					over := time.AfterFunc(lastTime, exit)
					defer over.Stop()
				}
			}
			select {
			case s.ch <- sig:
			default: // many wait already
			}
		}
	}
}

func (s *signals) close() {
	signal.Stop(s.raw)
	s.end()
}

// serve answers until ctx ends: TERM and INT stop, a second one at once; HUP and
// USR2 reload, unless rota is stopping; USR1 writes the state to the log.
func (s *signals) serve(ctx context.Context, l *loop, f *file, stop func()) {
	stops := 0
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-s.ch:
			switch sig {
			case syscall.SIGHUP, syscall.SIGUSR2:
				if stops == 0 {
					go func() { _, _ = f.reload(s.ctx, l, sig.String()) }()
				}
			case syscall.SIGUSR1:
				l.post(l.dump)
			case syscall.SIGTERM, syscall.SIGINT:
				if stops++; stops == 1 {
					stop()
					l.log.Info("stopping; a second signal stops at once", "signal", sig.String())
				}
			}
		}
	}
}

// pause waits for some time, and reports whether it went by without anybody
// telling rota to stop.
func (s *signals) pause(ctx context.Context, d time.Duration) bool {
	for over := time.After(d); ; {
		select {
		case <-over:
			return true
		case <-ctx.Done():
			return false
		case sig := <-s.ch:
			if sig == syscall.SIGTERM || sig == syscall.SIGINT {
				return false
			}
		}
	}
}

// What a container runtime gives process 1 before it kills all is 10 seconds: by
// default these leave some of them to record the ends of runs.
const (
	containerGrace = 4 * time.Second // of shutdown_grace
	containerKill  = 3 * time.Second // of kill_after
)

// drain lets what is under way come to its end: within shutdown_grace by itself,
// which it is asked for, then by its stop signal, then by KILL. Nothing new starts.
func (l *loop) drain(hurry <-chan struct{}) {
	l.stopping = true
	grace := l.cfg.Rota.ShutdownGrace
	if grace < 0 {
		if grace = 30 * time.Second; inContainer() {
			grace = containerGrace
		}
	}
	// The service manager has to wait as long, and for stop signals and KILL.
	sdNotify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (grace + time.Minute).Microseconds()))
	idle := make(chan struct{})
	go func() { l.runner.Wait(context.Background()); close(idle) }()
	l.runner.AskAll()
	patience := time.NewTimer(grace)
	defer patience.Stop()
	var kill <-chan time.Time // in a container, those that say nothing of kill_after
	stop := func() {
		l.hurry.Do(func() { close(l.hurried) })
		l.runner.StopAll(runner.Lost, runner.Reason{Code: runner.ReasonRotaStopped})
		if inContainer() {
			kill = time.After(containerKill)
		}
	}
	for {
		select {
		case <-l.woken:
			l.posted()
		case <-patience.C:
			l.log.Warn("shutdown_grace is over: stopping what still runs", "grace", grace.String())
			stop()
		case <-kill:
			l.killUnset()
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

// killUnset ends the grace of the runs that end with rota and whose task leaves
// kill_after to rota.
func (l *loop) killUnset() {
	l.log.Warn("killing what has no kill_after: a container is stopped within seconds", "after", containerKill.String())
	for _, run := range l.view.Live("") {
		if task := l.cfg.Tasks[run.Task]; task.Mode != runner.Forked && !task.KillSet {
			l.runner.Kill(run.ID)
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
