package engine

import (
	"context"
	"time"

	"rota/config"
	"rota/internal/ledger"
)

// maxChanges bounds the tasks of which a reload is told one by one.
const maxChanges = 200

// InForce is the configuration in force.
func (eng *Engine) InForce() *config.Config { return eng.inForce.Load() }

// Reload puts a configuration in force, which who asked for, or "" if nobody did. What
// was due until now is decided by the one before. After an error that one stays.
func (eng *Engine) Reload(ctx context.Context, c *config.Config, changes config.Changes, who string) error {
	if err := eng.act(ctx, func(ctx context.Context) error { return eng.swap(ctx, c, changes, who) }); err != nil {
		return err
	}
	eng.recordChanges(context.WithoutCancel(ctx), changes, who)
	return nil
}

// Refuse notes that the file on the disk is wrong, of which summary says how, and that
// the configuration in force stays.
func (eng *Engine) Refuse(ctx context.Context, err error, summary, who string) {
	eng.post(func() { eng.broken = err })
	ctx = context.WithoutCancel(ctx) // what was found out while rota stops is recorded, too
	eng.event(ctx, ledger.Event{Time: time.Now(), Kind: "reload", Who: who, Text: "refused: " + summary, Data: ledger.EventData{Refused: summary}})
}

// NotifyBadConfig tells targets of a file that is wrong.
func (eng *Engine) NotifyBadConfig(ctx context.Context, targets []string, complaint string) {
	eng.recordNotices(context.WithoutCancel(ctx), eng.noticesOfBadConfig(targets, complaint))
}

// Postpone notes why a good file is not in force yet; nil: it is, or there is none.
func (eng *Engine) Postpone(why error) { eng.post(func() { eng.notInForce = why }) }

// swap puts a configuration in force.
func (eng *Engine) swap(ctx context.Context, c *config.Config, changes config.Changes, who string) error {
	now, err := eng.settled(ctx)
	if err != nil {
		return err
	}
	old := eng.cfg
	eng.install(c)
	if err := eng.plan(ctx, now); err != nil {
		eng.install(old)
		return err
	}
	eng.broken, eng.notInForce = nil, nil
	eng.measure(c)
	eng.reappear()
	eng.endVoid(context.WithoutCancel(ctx))
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

// recordChanges records what a reload did to each task, for those who ask later why it
// did not run. No slot waits for it.
func (eng *Engine) recordChanges(ctx context.Context, c config.Changes, who string) {
	n, now := 0, eng.clock.Now()
	tell := func(task, change, detail string) {
		if n++; n <= maxChanges {
			text := change
			if detail != "" {
				text += ": " + detail
			}
			eng.event(ctx, ledger.Event{Time: now, Kind: "reload", Task: task, Who: who, Text: text, Data: ledger.EventData{Change: change, Detail: detail}})
		}
	}
	for _, name := range c.Added {
		tell(name, "added", "")
	}
	for _, name := range c.Removed {
		tell(name, "removed", "")
	}
	for _, change := range c.Changed {
		tell(change.Task, "changed", change.Detail)
	}
}
