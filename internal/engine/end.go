package engine

import (
	"context"
	"errors"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// What a container runtime gives process 1 before it kills all is 10 seconds: by
// default these leave some of them to record the ends of runs.
const (
	containerGrace = 4 * time.Second // of shutdown_grace
	containerKill  = 3 * time.Second // of kill_after
)

// Grace is how long runs have to end by themselves once rota stops.
func (l *loop) Grace() time.Duration {
	switch grace := l.inForce.Load().Rota.ShutdownGrace; {
	case grace >= 0:
		return grace
	case l.options.Container:
		return containerGrace
	}
	return 30 * time.Second
}

// End stops what is under way, once Run has returned; with hurry closed, at once. Who
// asks is answered until all has ended, and by nobody from then on.
func (l *loop) End(hurry <-chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l.drain(hurry)
	left := l.view.Live("")
	l.event(ctx, ledger.Event{Time: time.Now(), Kind: "stop", Text: api.Plural(len(left), "forked run goes on", "forked runs go on")})
	l.log.Info("stopped", "forked", len(left), "waiting", len(l.view.Waiting("")))
	close(l.over)
	l.hub.Close()
}

// Over is closed when nobody is answered any more.
func (l *loop) Over() <-chan struct{} { return l.over }

// drain lets what is under way come to its end: within shutdown_grace by itself,
// which it is asked for, then by its stop signal, then by KILL. Nothing new starts.
func (l *loop) drain(hurry <-chan struct{}) {
	l.stopping = true
	l.stopAsking()
	grace := l.Grace()
	idle := make(chan struct{})
	go func() { l.runner.Wait(context.Background()); close(idle) }()
	l.runner.AskAll()
	patience := time.NewTimer(grace)
	defer patience.Stop()
	var kill <-chan time.Time // in a container, those that say nothing of kill_after
	stop := func() {
		l.hurry.Do(func() { close(l.hurried) })
		l.runner.StopAll(runner.Lost, runner.Reason{Code: runner.ReasonRotaStopped})
		if l.options.Container {
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

// Fail ends Run with an error, soon.
func (l *loop) Fail(err error) { l.post(func() { l.fatal = err }) }

// Answers returns nil as soon as the engine has taken a turn, or why it does not.
func (l *loop) Answers(ctx context.Context) error {
	return l.ask(ctx, func() error { return nil })
}

// Deliver delivers notifications until ctx ends, and some seconds longer.
func (l *loop) Deliver(ctx context.Context) {
	if err := l.notifications.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		l.log.Error("cannot deliver notifications any more", "error", err)
	}
}
