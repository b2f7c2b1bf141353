package engine

import (
	"context"
	"time"

	"rota/config"
	"rota/internal/ledger"
)

// mostChanges bounds the tasks of which a reload is told one by one.
const mostChanges = 200

// InForce is the configuration in force.
func (l *loop) InForce() *config.Config { return l.inForce.Load() }

// Reload puts a configuration in force, which who asked for, or "" if nobody did. What
// was due until now is decided by the one before. After an error that one stays.
func (l *loop) Reload(ctx context.Context, c *config.Config, changes config.Changes, who string) error {
	if err := l.act(ctx, func(ctx context.Context) error { return l.swap(ctx, c, changes, who) }); err != nil {
		return err
	}
	l.recordChanges(context.WithoutCancel(ctx), changes, who)
	return nil
}

// Refuse notes that the file on the disk is wrong, of which summary says how, and that
// the configuration in force stays.
func (l *loop) Refuse(ctx context.Context, err error, summary, who string) {
	l.post(func() { l.broken = err })
	l.event(ctx, ledger.Event{Time: time.Now(), Kind: "reload", Who: who, Text: "refused: " + summary, Data: ledger.EventData{Refused: summary}})
}

// NotifyBadConfig tells targets of a file that is wrong.
func (l *loop) NotifyBadConfig(ctx context.Context, targets []string, complaint string) {
	l.recordNotices(ctx, l.noticesOfBadConfig(targets, complaint))
}

// Postpone notes why a good file is not in force yet; nil: it is, or there is none.
func (l *loop) Postpone(why error) { l.post(func() { l.notInForce = why }) }

// swap puts a configuration in force.
func (l *loop) swap(ctx context.Context, c *config.Config, changes config.Changes, who string) error {
	now, err := l.settled(ctx)
	if err != nil {
		return err
	}
	old := l.cfg
	l.install(c)
	if err := l.plan(ctx, now); err != nil {
		l.install(old)
		return err
	}
	l.broken, l.notInForce = nil, nil
	l.measure(c)
	l.reappear()
	l.endVoid(context.WithoutCancel(ctx))
	l.freshness()
	l.event(ctx, ledger.Event{Time: now, Kind: "reload", Who: who, Text: changes.String()})
	l.log.Info("reloaded", "changes", changes.String())
	for _, w := range c.Warnings {
		l.log.Warn("check", "warning", w.Error())
	}
	for _, key := range changes.Restart() {
		l.log.Warn(key + " changed: that needs a restart")
	}
	l.grow()
	l.next(now, 1)
	return nil
}

// recordChanges records what a reload did to each task, for those who ask later why it
// did not run. No slot waits for it.
func (l *loop) recordChanges(ctx context.Context, c config.Changes, who string) {
	n, now := 0, l.clock.Now()
	tell := func(task, change, detail string) {
		if n++; n <= mostChanges {
			text := change
			if detail != "" {
				text += ": " + detail
			}
			l.event(ctx, ledger.Event{Time: now, Kind: "reload", Task: task, Who: who, Text: text, Data: ledger.EventData{Change: change, Detail: detail}})
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
