package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"rota/internal/ledger"
	"rota/internal/notify"
)

const (
	// overloadDelay is how late a turn may be before rota reports that it is overloaded.
	overloadDelay = 10 * time.Second
	// troubleGap is how long a trouble must have ended before it is notified again.
	troubleGap = 10 * time.Minute
)

// alarms is the additional state for on_trouble. It belongs to the engine's goroutine.
type alarms struct {
	unreachable map[string]string    // why a notification target cannot be reached, by its name
	damage      string               // the damage of the ledger; "": none is known
	late        time.Time            // when a turn was last too late; zero: never
	lateBy      time.Duration        // how late
	reported    map[string]time.Time // by the key of a notified trouble: when it ended; zero: it has not
}

// trouble is something that keeps the daemon from doing its work.
type trouble struct {
	key    string // identifies the trouble
	text   string // for people
	target string // the target that cannot be notified of it; "": none
}

// currentTroubles returns the troubles for both status and on_trouble.
func (eng *Engine) currentTroubles() []trouble {
	var all []trouble
	add := func(key, text string) { all = append(all, trouble{key: key, text: text}) }
	if eng.recordError != "" {
		add("record", "scheduling is paused, because due runs cannot be recorded: "+eng.recordError)
	}
	if eng.diskLow() {
		add("disk", "the disk is full: outputs are not kept")
	}
	if eng.lacksInodes() {
		add("inodes", "the file system of "+eng.stateDir+" has no free inodes: outputs are not kept; remove files there")
	}
	if eng.waitingForRoom {
		add("disk", eng.room.waitText(eng.stateDir))
	}
	if at := eng.alarms.late; !at.IsZero() && eng.clock.Now().Sub(at).Abs() < troubleGap {
		add("late", fmt.Sprintf("scheduling was %s late at %s: the machine or its disk is overloaded", eng.alarms.lateBy.Round(time.Second), at.In(eng.cfg.Rota.Timezone).Format(time.TimeOnly)))
	}
	return all
}

// raiseAlarms notifies the targets of on_trouble once of each trouble. One that returns
// within troubleGap counts as the same.
func (eng *Engine) raiseAlarms(ctx context.Context) {
	targets := eng.cfg.Rota.OnTrouble
	if len(targets) == 0 {
		return
	}
	now := eng.clock.Now()
	var notices []ledger.Notice
	for _, a := range eng.alarms.raise(eng.allTroubles(), now) {
		for _, target := range targets {
			if target != a.target {
				notices = append(notices, ledger.Notice{Target: target, Kind: string(notify.Trouble), Text: a.text, Time: now})
			}
		}
	}
	eng.recordNotices(ctx, notices)
}

// allTroubles returns the troubles for on_trouble.
func (eng *Engine) allTroubles() []trouble {
	all := eng.currentTroubles()
	if eng.alarms.damage != "" {
		all = append(all, trouble{key: "damage", text: "the ledger is damaged: " + eng.alarms.damage})
	}
	for _, name := range slices.Sorted(maps.Keys(eng.alarms.unreachable)) {
		all = append(all, trouble{key: "notify " + name, text: "notifications cannot be delivered to " + name + ": " + eng.alarms.unreachable[name], target: name})
	}
	return all
}

// raise updates the reported troubles to the present ones, and returns those to be notified:
// new ones, and those that return after troubleGap.
func (s *alarms) raise(all []trouble, now time.Time) (raised []trouble) {
	if s.reported == nil {
		s.reported = map[string]time.Time{}
	}
	present := map[string]bool{}
	for _, a := range all {
		if present[a.key] {
			continue
		}
		present[a.key] = true
		ended, known := s.reported[a.key]
		s.reported[a.key] = time.Time{}
		if !known || !ended.IsZero() && now.Sub(ended).Abs() >= troubleGap {
			raised = append(raised, a)
		}
	}
	for key, ended := range s.reported {
		if !present[key] && ended.IsZero() {
			s.reported[key] = now
		}
	}
	return raised
}

// noteLateness notes that a turn is late. now and before are the times of this turn and the
// last one, passed the monotonic time between them: sleep of the machine and steps of the
// clock do not count.
func (eng *Engine) noteLateness(now, before time.Time, passed time.Duration) {
	at := eng.agenda.At()
	if at.IsZero() || at.After(now) {
		return
	}
	if by := passed - max(0, at.Sub(before)); by > overloadDelay {
		eng.alarms.late, eng.alarms.lateBy = now, by
		eng.log.Warn("scheduling is late", "by", by.Round(time.Millisecond))
	}
}

// setTargetError notes that a target cannot be reached; "": that it can again. It may be
// called from any goroutine.
func (eng *Engine) setTargetError(name, err string) {
	eng.post(func() {
		if eng.alarms.unreachable == nil {
			eng.alarms.unreachable = map[string]string{}
		}
		if delete(eng.alarms.unreachable, name); err != "" {
			eng.alarms.unreachable[name] = err
		}
	})
}

// onLedgerEvent handles an event of the ledger. It may be called from any goroutine.
func (eng *Engine) onLedgerEvent(e ledger.Event) {
	if e.Kind != "disk" && e.Kind != "damage" {
		return
	}
	eng.log.Warn(e.Kind, "ledger", e.Text)
	eng.post(func() { // wakes the engine, whose turn raises new troubles
		if e.Kind == "damage" {
			eng.alarms.damage = e.Text
		}
	})
}

// diskLow reports whether the disk has no space for outputs.
func (eng *Engine) diskLow() bool { return eng.options.DiskLow != nil && eng.options.DiskLow() }
