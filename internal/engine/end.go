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
	containerGrace   = 4 * time.Second // of shutdown_grace
	containerKill    = 3 * time.Second // of kill_after
	containerParting = time.Second     // for notifications; the outbox keeps what is not delivered
)

// Grace is how long runs have to end by themselves once rota stops.
func (eng *Engine) Grace() time.Duration {
	switch grace := eng.inForce.Load().Rota.ShutdownGrace; {
	case grace >= 0:
		return grace
	case eng.options.Container:
		return containerGrace
	}
	return 30 * time.Second
}

// parting is how long notifications are still delivered when all else has ended; 0: as
// long as they say.
func (eng *Engine) parting() time.Duration {
	if eng.options.Container {
		return containerParting
	}
	return 0
}

// End stops what is under way, once Run has returned; once force is closed, at
// once. Clients are answered until all has ended.
func (eng *Engine) End(force <-chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	eng.drain(force)
	left := eng.view.Live("")
	eng.event(ctx, ledger.Event{Time: time.Now(), Kind: "stop", Text: api.Plural(len(left), "forked run goes on", "forked runs go on")})
	eng.log.Info("stopped", "forked", len(left), "waiting", len(eng.view.Waiting("")))
	close(eng.over)
	eng.hub.Close()
}

// Over is closed when nobody is answered any more.
func (eng *Engine) Over() <-chan struct{} { return eng.over }

// drain lets what is under way come to its end: within shutdown_grace by itself,
// which it is asked for, then by its stop signal, then by KILL. Nothing new starts.
func (eng *Engine) drain(force <-chan struct{}) {
	eng.stopping = true
	eng.stopAsking()
	grace := eng.Grace()
	idle := make(chan struct{})
	go func() { eng.runner.Wait(context.Background()); close(idle) }()
	eng.runner.AskAll()
	graceEnds := time.NewTimer(grace)
	defer graceEnds.Stop()
	var kill <-chan time.Time // in a container, those that say nothing of kill_after
	stop := func() {
		eng.forceOnce.Do(func() { close(eng.forced) })
		eng.runner.StopAll(runner.Lost, runner.Reason{Code: runner.ReasonRotaStopped})
		if eng.options.Container {
			kill = time.After(containerKill)
		}
	}
	for {
		select {
		case <-eng.woken:
			eng.runPosted()
		case <-graceEnds.C:
			eng.log.Warn("shutdown_grace is over: stopping what still runs", "grace", grace.String())
			stop()
		case <-kill:
			eng.killUnset()
		case <-force:
			force = nil
			stop()
			eng.runner.KillAll()
		case <-idle:
			eng.runPosted()
			return
		}
	}
}

// killUnset ends the grace of the runs that end with rota and whose task leaves
// kill_after to rota.
func (eng *Engine) killUnset() {
	eng.log.Warn("killing what has no kill_after: a container is stopped within seconds", "after", containerKill.String())
	for _, run := range eng.view.Live("") {
		if task := eng.cfg.Tasks[run.Task]; task.Mode != runner.Forked && !task.KillSet {
			eng.runner.Kill(run.ID)
		}
	}
}

// Fail ends Run with an error, soon.
func (eng *Engine) Fail(err error) { eng.post(func() { eng.fatal = err }) }

// Answers returns nil as soon as the engine has taken a turn, or why it does not.
func (eng *Engine) Answers(ctx context.Context) error {
	return eng.ask(ctx, func() error { return nil })
}

// Deliver delivers notifications until ctx ends, and some seconds longer.
func (eng *Engine) Deliver(ctx context.Context) {
	if err := eng.notifications.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		eng.log.Error("cannot deliver notifications any more", "error", err)
	}
}
