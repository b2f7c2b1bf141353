package engine

import (
	"context"
	"time"

	"rota/config"
	"rota/internal/ledger"
)

// maxChanges limits the tasks for which a reload records an event each.
const maxChanges = 200

// InForce returns the configuration in force.
func (eng *Engine) InForce() *config.Config { return eng.inForce.Load() }

// Reload puts a configuration in force, on request of who; "": the file changed. Slots that
// are due until now are decided by the old configuration, which stays in force after an
// error.
func (eng *Engine) Reload(ctx context.Context, c *config.Config, changes config.Changes, who string) error {
	if err := eng.doBetweenStarts(ctx, func(ctx context.Context) error { return eng.swap(ctx, c, changes, who) }); err != nil {
		return err
	}
	eng.recordChanges(context.WithoutCancel(ctx), changes, who)
	return nil
}

// RefuseReload records that the file on the disk has errors, with their summary, and that the
// configuration in force stays.
func (eng *Engine) RefuseReload(ctx context.Context, err error, summary, who string) {
	eng.post(func() { eng.broken = err })
	ctx = context.WithoutCancel(ctx) // recorded also while rota is stopping
	eng.event(ctx, ledger.Event{Time: time.Now(), Kind: "reload", Who: who, Text: "refused: " + summary, Data: ledger.EventData{Refused: summary}})
}

// NotifyBadConfig notifies targets of the errors in the file.
func (eng *Engine) NotifyBadConfig(ctx context.Context, targets []string, complaint string) {
	eng.recordNotices(context.WithoutCancel(ctx), eng.noticesOfBadConfig(targets, complaint))
}

// SetReloadPending sets why a valid file is not in force yet; nil: it is, or no longer valid.
func (eng *Engine) SetReloadPending(why error) { eng.post(func() { eng.notInForce = why }) }

// swap puts a configuration in force.
func (eng *Engine) swap(ctx context.Context, c *config.Config, changes config.Changes, who string) error {
	now, err := eng.recordDue(ctx)
	if err != nil {
		return err
	}
	old := eng.cfg
	eng.setConfig(c)
	if err := eng.plan(ctx, now); err != nil {
		eng.setConfig(old)
		return err
	}
	eng.broken, eng.notInForce = nil, nil
	eng.loadMetrics(c)
	eng.resetVanished()
	eng.cancelVoid(context.WithoutCancel(ctx))
	eng.watchStaleness()
	eng.event(ctx, ledger.Event{Time: now, Kind: "reload", Who: who, Text: changes.String()})
	eng.log.Info("reloaded", "changes", changes.String())
	for _, w := range c.Warnings {
		eng.log.Warn("check", "warning", w.Error())
	}
	for _, key := range changes.Restart() {
		eng.log.Warn(key + " changed: that needs a restart")
	}
	eng.requestRetention()
	eng.logUpcoming(now, 1)
	return nil
}

// recordChanges records an event for each task that a reload changed, for why. No slot waits
// for it.
func (eng *Engine) recordChanges(ctx context.Context, c config.Changes, who string) {
	n, now := 0, eng.clock.Now()
	add := func(task, change, detail string) {
		if n++; n <= maxChanges {
			text := change
			if detail != "" {
				text += ": " + detail
			}
			eng.event(ctx, ledger.Event{Time: now, Kind: "reload", Task: task, Who: who, Text: text, Data: ledger.EventData{Change: change, Detail: detail}})
		}
	}
	for _, name := range c.Added {
		add(name, "added", "")
	}
	for _, name := range c.Removed {
		add(name, "removed", "")
	}
	for _, change := range c.Changed {
		add(change.Task, "changed", change.Detail)
	}
}
