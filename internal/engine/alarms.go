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
	// tooLate is how late a turn of the engine may be before rota says that it is overloaded.
	tooLate = 10 * time.Second
	// alarmCalm is how long a trouble must be over for its return to be another one.
	alarmCalm = 10 * time.Minute
)

// alarms is what on_trouble needs to know besides what the engine knows anyway. It
// belongs to the engine.
type alarms struct {
	failing map[string]string    // why a notification target cannot be reached, by its name
	damage  string               // what of the ledger is damaged; "": nothing is known to be
	late    time.Time            // when a turn was too late; zero: none was
	lateBy  time.Duration        // how late
	told    map[string]time.Time // by the key of a trouble that was told: when it ended; zero: it has not
}

// alarm is a trouble of the daemon itself.
type alarm struct {
	key    string // the same for what is one trouble
	text   string // for people
	target string // whom it is of no use to tell; "": nobody
}

// troubles is what keeps the daemon from doing its work, for status and on_trouble.
func (eng *Engine) troubles() []alarm {
	var all []alarm
	add := func(key, text string) { all = append(all, alarm{key: key, text: text}) }
	if eng.failing != "" {
		add("record", "scheduling is paused, because due runs cannot be recorded: "+eng.failing)
	}
	if eng.diskLow() {
		add("disk", "the disk is full: outputs are not kept")
	}
	if eng.lacksInodes() {
		add("inodes", "the file system of "+eng.stateDir+" has no free inodes: outputs are not kept; remove files there")
	}
	if eng.roomAwaited {
		add("disk", eng.room.awaits(eng.stateDir))
	}
	if at := eng.alarms.late; !at.IsZero() && eng.clock.Now().Sub(at).Abs() < alarmCalm {
		add("late", fmt.Sprintf("scheduling was %s late at %s: the machine or its disk is overloaded", eng.alarms.lateBy.Round(time.Second), at.In(eng.cfg.Rota.Timezone).Format(time.TimeOnly)))
	}
	return all
}

// raiseAlarms tells those of on_trouble of each trouble once. One that returns soon is
// the same.
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

// allTroubles is what those of on_trouble are told of.
func (eng *Engine) allTroubles() []alarm {
	all := eng.troubles()
	if eng.alarms.damage != "" {
		all = append(all, alarm{key: "damage", text: "the ledger is damaged: " + eng.alarms.damage})
	}
	for _, name := range slices.Sorted(maps.Keys(eng.alarms.failing)) {
		all = append(all, alarm{key: "notify " + name, text: "notifications cannot be delivered to " + name + ": " + eng.alarms.failing[name], target: name})
	}
	return all
}

// raise notes the troubles of an instant, and returns those that are to be told: new
// ones, and those that return after they were over for long.
func (s *alarms) raise(all []alarm, now time.Time) (raised []alarm) {
	if s.told == nil {
		s.told = map[string]time.Time{}
	}
	present := map[string]bool{}
	for _, a := range all {
		if present[a.key] {
			continue
		}
		present[a.key] = true
		ended, known := s.told[a.key]
		s.told[a.key] = time.Time{}
		if !known || !ended.IsZero() && now.Sub(ended).Abs() >= alarmCalm {
			raised = append(raised, a)
		}
	}
	for key, ended := range s.told {
		if !present[key] && ended.IsZero() {
			s.told[key] = now
		}
	}
	return raised
}

// noteLateness notes that the engine takes a turn later than it was to. What the machine
// slept and by what its clock was set does not count: that is measured in the time that
// has passed since the turn before, at which the clock showed that.
func (eng *Engine) noteLateness(now, before time.Time, passed time.Duration) {
	at := eng.agenda.At()
	if at.IsZero() || at.After(now) {
		return
	}
	if by := passed - max(0, at.Sub(before)); by > tooLate {
		eng.alarms.late, eng.alarms.lateBy = now, by
		eng.log.Warn("scheduling is late", "by", by.Round(time.Millisecond))
	}
}

// targetFails notes that a target cannot be reached, or with an empty error that it can
// be again. It may be called from any goroutine.
func (eng *Engine) targetFails(name, err string) {
	eng.post(func() {
		if eng.alarms.failing == nil {
			eng.alarms.failing = map[string]string{}
		}
		if delete(eng.alarms.failing, name); err != "" {
			eng.alarms.failing[name] = err
		}
	})
}

// ledgerSays follows an event of the ledger's own. It may be called from any goroutine.
func (eng *Engine) ledgerSays(e ledger.Event) {
	if e.Kind != "disk" && e.Kind != "damage" {
		return
	}
	eng.log.Warn(e.Kind, "ledger", e.Text)
	eng.post(func() { // a turn raises what is new
		if e.Kind == "damage" {
			eng.alarms.damage = e.Text
		}
	})
}

// diskLow reports whether there is no room for outputs.
func (eng *Engine) diskLow() bool { return eng.options.DiskLow != nil && eng.options.DiskLow() }
