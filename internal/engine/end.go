package engine

import (
	"context"
	"errors"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// A container runtime kills all processes 10 seconds after the stop signal to process 1.
// These defaults leave time to record the ends of runs.
const (
	containerGrace  = 4 * time.Second // of shutdown_grace
	containerKill   = 3 * time.Second // of kill_after
	containerNotify = time.Second     // for notifications; undelivered ones stay in the outbox
)

// Grace returns how long runs may take to end by themselves when rota stops.
func (eng *Engine) Grace() time.Duration {
	switch grace := eng.inForce.Load().Rota.ShutdownGrace; {
	case grace >= 0:
		return grace
	case eng.options.Container:
		return containerGrace
	}
	return 30 * time.Second
}

// notificationTimeout returns how long notifications are still delivered when all runs have
// ended; 0: the default of package notify.
func (eng *Engine) notificationTimeout() time.Duration {
	if eng.options.Container {
		return containerNotify
	}
	return 0
}

// End stops the runs under way, after Run has returned; at once if force is closed. Clients
// are answered until all runs have ended.
func (eng *Engine) End(force <-chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	eng.shutDown(force)
	left := eng.view.Live("")
	eng.event(ctx, ledger.Event{Time: time.Now(), Kind: "stop", Text: api.Plural(len(left), "forked run continues", "forked runs continue")})
	eng.log.Info("stopped", "forked", len(left), "waiting", len(eng.view.Waiting("")))
	close(eng.closed)
	eng.hub.Close()
}

// Closed returns a channel that is closed when the engine no longer answers.
func (eng *Engine) Closed() <-chan struct{} { return eng.closed }

// shutDown ends the runs under way: for shutdown_grace it waits for them, after a request to
// end, then it sends the stop signal, then KILL. No run starts any more.
func (eng *Engine) shutDown(force <-chan struct{}) {
	eng.stopping = true
	eng.stopConditions()
	grace := eng.Grace()
	idle := make(chan struct{})
	go func() { eng.runner.Wait(context.Background()); close(idle) }()
	eng.runner.AskAll()
	graceEnds := time.NewTimer(grace)
	defer graceEnds.Stop()
	var kill <-chan time.Time // in a container: the runs without kill_after in the file
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
			eng.log.Warn("shutdown_grace is over: stopping the running runs", "grace", grace.String())
			stop()
		case <-kill:
			eng.killDefaults()
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

// killDefaults kills the runs that end with rota and whose task does not set kill_after.
func (eng *Engine) killDefaults() {
	eng.log.Warn("killing the runs without kill_after: a container must stop within seconds", "after", containerKill.String())
	for _, run := range eng.view.Live("") {
		if task := eng.cfg.Tasks.Get(run.Task); task.Mode != runner.Forked && !task.KillSet {
			eng.runner.Kill(run.ID)
		}
	}
}

// Fail makes Run end with an error soon.
func (eng *Engine) Fail(err error) { eng.post(func() { eng.fatal = err }) }

// Answers returns nil as soon as the engine has taken a turn, else an error.
func (eng *Engine) Answers(ctx context.Context) error {
	return eng.do(ctx, func() error { return nil })
}

// Deliver delivers notifications until ctx ends, and some seconds longer.
func (eng *Engine) Deliver(ctx context.Context) {
	if err := eng.notifications.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		eng.log.Error("delivery of notifications has ended", "error", err)
	}
}
