package engine

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rota/config"
	"rota/internal/ledger"
	"rota/internal/notify"
	"rota/runner"
)

// The kinds of notices that are pings of a monitoring service. Their target is the ping of
// the task in the file that is in force when they are delivered.
const (
	pingStart = "ping start"
	pingEnd   = "ping end"
)

// notifications delivers the notices in the outbox of the ledger: a notice is recorded with
// its cause, and leaves the outbox once it is delivered or given up. A nil one delivers
// nothing.
type notifications struct {
	*notify.Notifier
	inForce *atomic.Pointer[config.Config]
	ledger  ledger.Ledger
	log     *slog.Logger

	mu        sync.Mutex
	delivered []int64       // numbers of notices to be removed from the outbox
	woken     chan struct{} // delivered is not empty; holds one value
}

// targets are the targets of a configuration.
type targets struct {
	of     *config.Config
	byName map[string]notify.Target
	pings  map[string]bool // by URL
}

// newNotifications returns notifications that follow the configuration in force. failing is
// called when a target cannot be reached, failed at each failed attempt; for parting see
// DrainTime of [notify.Options].
func newNotifications(inForce *atomic.Pointer[config.Config], stateDir string, l ledger.Ledger, log *slog.Logger, failing func(target, err string), failed func(target string), parting time.Duration) *notifications {
	var known atomic.Pointer[targets]
	current := func() *targets {
		c, k := inForce.Load(), known.Load()
		if k == nil || k.of != c {
			k = &targets{c, make(map[string]notify.Target, len(c.Notify)), map[string]bool{}}
			for name, n := range c.Notify {
				k.byName[name] = notify.Target{Name: name, Action: n.Action, Process: n.Process, AtMostEvery: n.AtMostEvery}
			}
			for _, t := range c.Tasks.All() {
				k.pings[t.Ping] = true
			}
			known.Store(k)
		}
		return k
	}
	n := &notifications{inForce: inForce, ledger: l, log: log, woken: make(chan struct{}, 1)}
	n.Notifier = notify.New(notify.Options{
		Targets:   func() map[string]notify.Target { return current().byName },
		Pings:     func(url string) bool { return current().pings[url] },
		Zone:      func(task string) *time.Location { return current().of.ZoneOf(task) },
		Page:      func() string { return current().of.Web.URL },
		Delivered: n.markDelivered,
		Failing:   failing,
		Failed:    failed,
		StateDir:  stateDir, Log: log, DrainTime: parting,
	})
	return n
}

// run delivers until ctx ends, and some seconds longer.
func (n *notifications) run(ctx context.Context) error {
	if n == nil {
		return nil
	}
	over := make(chan struct{})
	var clears sync.WaitGroup
	clears.Go(func() { n.clearOutbox(over) })
	err := n.Run(ctx)
	close(over)
	clears.Wait()
	return err
}

// deliver starts the delivery of notices that are in the outbox. It does not block.
func (n *notifications) deliver(notices []ledger.Notice) {
	if n == nil {
		return
	}
	for _, one := range notices {
		url := n.inForce.Load().Tasks.Get(one.Run.Task).Ping
		switch {
		case one.Kind != pingStart && one.Kind != pingEnd:
			n.Send(one.Target, notify.Event{Number: one.Number, Kind: notify.Kind(one.Kind), Run: one.Run, Text: one.Text, Time: one.Time})
		case url == "": // the file has no ping any more
			n.markDelivered(one.Number)
		default:
			n.Ping.Add(url, notify.Ping{Number: one.Number, Run: one.Run, End: one.Kind == pingEnd})
		}
	}
}

// markDelivered makes clearOutbox remove notices that are delivered or given up. It does not
// block.
func (n *notifications) markDelivered(numbers ...int64) {
	numbers = slices.DeleteFunc(slices.Clone(numbers), func(number int64) bool { return number == 0 }) // not recorded
	if n == nil || len(numbers) == 0 {
		return
	}
	n.mu.Lock()
	n.delivered = append(n.delivered, numbers...)
	n.mu.Unlock()
	signal(n.woken)
}

// clearOutbox removes delivered notices from the outbox, all that there are in one commit.
// While the ledger fails it tries again, until over is closed.
func (n *notifications) clearOutbox(over <-chan struct{}) {
	for last := false; !last; {
		select {
		case <-n.woken:
		case <-over:
			last = true
		}
		n.mu.Lock()
		numbers := n.delivered
		n.delivered = nil
		n.mu.Unlock()
		if len(numbers) == 0 {
			continue
		}
		_, err := n.ledger.Commit(context.Background(), ledger.Change{Delivered: numbers})
		switch {
		case err == nil:
		case last:
			n.log.Error("cannot record which notifications were delivered; they will be sent again", "notices", len(numbers), "error", err)
		default:
			time.AfterFunc(time.Second, func() { n.markDelivered(numbers...) })
		}
	}
}

// resume delivers the notices that an earlier daemon left in the outbox.
func (n *notifications) resume(ctx context.Context) error {
	if n == nil {
		return nil
	}
	left, err := n.ledger.Outbox(ctx, 0)
	if err == nil && len(left) > 0 {
		n.log.Info("delivering notices of an earlier daemon", "notices", len(left))
		n.deliver(left)
	}
	return err
}

// notices returns the notices of hooks for events of a run, one for each event and target.
// It may be called from any goroutine.
func (eng *Engine) notices(run runner.Run, hooks ...eventHooks) []ledger.Notice {
	run.Input, run.InputFile = "", ""
	var all []ledger.Notice
	for _, h := range hooks {
		var notified []string
		for _, hook := range h.list {
			if _, ok := config.RunHook(hook); !ok && !slices.Contains(notified, hook) {
				notified = append(notified, hook)
				all = append(all, ledger.Notice{Target: hook, Kind: h.event, Time: eng.clock.Now(), Run: run})
			}
		}
	}
	return all
}

// noticesOfEnd returns the notices for the end of a run: the ping and those of hooks. It may
// be called from any goroutine.
func (eng *Engine) noticesOfEnd(run runner.Run, hooks []eventHooks) []ledger.Notice {
	all := eng.notices(run, hooks...)
	if eng.inForce.Load().Tasks.Get(run.Task).Ping != "" {
		ping := ledger.Notice{Kind: pingEnd, Time: eng.clock.Now(), Run: run}
		ping.Run.Params, ping.Run.Input, ping.Run.InputFile = nil, "", ""
		all = append(all, ping)
	}
	return all
}

// noticesOfBatch returns the notices for a batch: for first attempts that start, missed
// slots, superseded runs and tasks that are held because of these.
func (eng *Engine) noticesOfBatch(b runner.Batch, holds failureHolds) []ledger.Notice {
	var all []ledger.Notice
	for _, id := range b.Claim {
		task, _ := runner.SplitID(id)
		if eng.cfg.Tasks.Get(task).Ping == "" {
			continue
		}
		if run, waits := eng.view.Find(id); !waits || run.Attempts == 0 { // only the first attempt, as there is one ping for the end
			all = append(all, ledger.Notice{Kind: pingStart, Time: eng.clock.Now(), Run: runner.Run{ID: id, Task: task}})
		}
	}
	for _, f := range b.Summaries {
		all = append(all, eng.notices(f, eng.hooksOf(f, false)...)...)
	}
	for _, e := range b.Ends {
		if run, ok := eng.supersededRun(e); ok {
			all = append(all, eng.noticesOfEnd(run, eng.hooksOf(run, false))...)
		}
	}
	for _, h := range holds {
		all = append(all, eng.noticesOfHold(h.run, h.change)...)
	}
	return all
}

// noticesOfHold returns the notices for a hold after failures, to the targets of on_failure.
// It may be called from any goroutine.
func (eng *Engine) noticesOfHold(run runner.Run, c ledger.StateChange) []ledger.Notice {
	run.Because(runner.TextReason(c.Next.Hold.Why))
	return eng.notices(run, eventHooks{"held", eng.inForce.Load().Tasks.Get(run.Task).Hooks.OnFailure})
}

// noticesOfBadConfig returns the notices for a file with errors.
func (eng *Engine) noticesOfBadConfig(targets []string, complaint string) []ledger.Notice {
	var all []ledger.Notice
	complaint = complaint[:min(len(complaint), notify.TextMax)]
	for _, name := range targets {
		all = append(all, ledger.Notice{Target: name, Kind: string(notify.BadConfig), Text: complaint, Time: eng.clock.Now()})
	}
	return all
}

// recordNotices records notices whose cause is recorded nowhere else, and delivers them. If
// that fails they are delivered anyway, but not after a restart.
func (eng *Engine) recordNotices(ctx context.Context, notices []ledger.Notice) {
	if len(notices) == 0 {
		return
	}
	done, err := eng.ledger.Commit(ctx, ledger.Change{Notices: notices})
	if err == nil {
		notices = done.Notices
	}
	eng.notifications.deliver(notices)
}
