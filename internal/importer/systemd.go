package importer

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rota/internal/units"
	"rota/schedule"
)

// Systemd selects the timers to import.
type Systemd struct {
	FS    fs.FS    // the machine, from /
	Dirs  []string // the directories of units, first that of the administrator
	Names []string // of timers; empty: all enabled timers
	User  bool     // units of a user: the command lines at the end have --user
	Home  string   // the home of that user, in which the services start
}

// Timers imports timers of systemd and their services.
func Timers(s Systemd) (Result, error) {
	d := &document{head: []string{" From timers of systemd: rota import systemd"}}
	all, enabled := units.Timers(s.FS, s.Dirs)
	names := enabled
	if len(s.Names) > 0 {
		names = nil
		for _, name := range s.Names {
			if path.Ext(name) != ".timer" {
				name += ".timer"
			}
			names = append(names, name)
		}
	}
	c := timerConverter{d: d, s: s}
	var disable, mask []string
	for _, name := range names {
		if strings.HasSuffix(name, "@.timer") && len(s.Names) == 0 {
			continue // a template starts nothing itself
		}
		t, err := c.timer(name)
		if err != nil && len(s.Names) > 0 {
			return Result{}, fmt.Errorf("%s: %w", name, err)
		}
		if err != nil {
			d.note(name, 0, "not imported: %v", err)
			t = &task{source: name, raw: []string{name}, comments: []string{" not imported: " + err.Error()}}
		}
		d.tasks = append(d.tasks, t)
	}
	r := d.finish()
	for _, t := range d.active() {
		if units.EnabledIn(s.FS, s.Dirs[0], t.source) {
			disable = append(disable, shellWord(t.source))
		} else {
			mask = append(mask, shellWord(t.source)) // enabled by a link of its package
		}
	}
	command := "systemctl "
	if s.User {
		command += "--user "
	}
	if len(disable) > 0 {
		r.Off = append(r.Off, command+"disable --now "+strings.Join(disable, " "))
	}
	if len(mask) > 0 {
		r.Off = append(r.Off, command+"mask --now "+strings.Join(mask, " "))
	}
	if len(s.Names) == 0 {
		for _, name := range all {
			if !slices.Contains(enabled, name) && !strings.HasSuffix(name, "@.timer") {
				r.Notes = append(r.Notes, Note{name, 0, "not enabled, so skipped; to import it: rota import systemd " + shellWord(name)})
			}
		}
	}
	if len(r.Tasks) > 0 {
		r.Rules = []string{
			"dependencies on other units are omitted: After=, Wants=, Requires= and the like",
			"output is kept with the run, not in the journal: rota logs TASK",
		}
	}
	return r, nil
}

// timerConverter converts timers to tasks.
type timerConverter struct {
	d *document
	s Systemd
}

// understood are keys that are converted, or that have no meaning for rota.
var understood = map[string][]string{
	"Timer":   {"OnCalendar", "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "Persistent", "RandomizedDelaySec", "RandomizedOffsetSec", "FixedRandomDelay", "DeferReactivation", "AccuracySec", "Unit", "RemainAfterElapse"},
	"Service": {"Type", "ExecStart", "ExecStartPre", "ExecStartPost", "ExecCondition", "User", "Group", "WorkingDirectory", "Environment", "EnvironmentFile", "Nice", "UMask", "TimeoutStartSec", "TimeoutSec", "TimeoutStopSec", "RuntimeMaxSec", "KillSignal", "SuccessExitStatus", "Restart", "RestartSec", "LimitNOFILE", "LimitCPU", "LimitFSIZE", "LimitCORE", "RemainAfterExit", "SyslogIdentifier", "StandardOutput", "StandardError", "StandardInput", "KillMode", "SyslogFacility", "SyslogLevel", "SendSIGKILL", "GuessMainPID"},
	"Unit":    {"Description", "Documentation", "After", "Before", "Wants", "Requires", "BindsTo", "PartOf", "Conflicts", "DefaultDependencies", "RequiresMountsFor", "Requisite", "OnFailure", "StartLimitBurst", "StartLimitIntervalSec", "StartLimitInterval", "RefuseManualStart", "RefuseManualStop"},
}

func (c *timerConverter) timer(name string) (*task, error) {
	timer, err := units.Load(c.s.FS, c.s.Dirs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no such unit")
	}
	if err != nil {
		return nil, err
	}
	service := timer.Get("Timer", "Unit")
	if service == "" {
		service = strings.TrimSuffix(name, ".timer") + ".service"
	}
	if path.Ext(service) != ".service" {
		return nil, fmt.Errorf("it starts %s, which is not a service", service)
	}
	s, err := units.Load(c.s.FS, c.s.Dirs, service)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s", service)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", service, err)
	}
	stem := strings.TrimSuffix(name, ".timer")
	t := &task{source: name, stems: []string{stem, hashed(name)}}
	if text, specifier := units.Specifier(timer.Get("Unit", "Description")); text != "" && specifier == "" && utf8.ValidString(text) && len(text) < 200 {
		t.set("description", str(text))
	}
	if err := c.schedule(t, timer); err != nil {
		return nil, err
	}
	if err := c.command(t, timer, s); err != nil {
		return nil, err
	}
	c.process(t, s)
	var left []string
	for _, u := range []*units.Unit{timer, s} {
		for _, section := range []string{"Unit", "Timer", "Service"} {
			for _, key := range u.Keys(section) {
				if slices.Contains(understood[section], key) || strings.HasPrefix(key, "Condition") || strings.HasPrefix(key, "Assert") || strings.HasPrefix(key, "X-") {
					continue
				}
				left = append(left, key+"="+u.Get(section, key))
			}
		}
	}
	if len(left) > 0 {
		t.comments = append(t.comments, wrapped(" Not carried over: "+strings.Join(left, ", "))...)
		var keys []string
		for _, l := range left {
			key, _, _ := strings.Cut(l, "=")
			keys = append(keys, key)
		}
		slices.Sort(keys)
		c.d.note(name, 0, "not carried over: %s", strings.Join(slices.Compact(keys), ", "))
	}
	if hook := s.Get("Unit", "OnFailure"); hook != "" {
		c.d.note(name, 0, "OnFailure=%s is omitted: name a task in on_failure", hook)
	}
	return t, nil
}

// wrapped splits a comment into lines.
func wrapped(text string) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if len(line)+len(word) > 90 && line != "" {
			lines = append(lines, line)
			line = ""
		}
		line += " " + word
	}
	return append(lines, line)
}

// duration returns a span in the syntax of rota.
func duration(d time.Duration) string {
	return str(schedule.FormatDuration(max(d.Round(time.Second), 0)))
}

// schedule converts the triggers of a timer.
func (c *timerConverter) schedule(t *task, timer *units.Unit) error {
	var all [][]pair
	for _, text := range timer.All("Timer", "OnCalendar") {
		cal, err := units.ParseCalendar(text)
		if err != nil {
			return err
		}
		more, err := calendarTriggers(cal)
		if err != nil {
			return fmt.Errorf("OnCalendar=%s: %w", text, err)
		}
		all = append(all, more...)
	}
	calendar := len(all) > 0
	boot := false
	for _, kind := range []struct{ key, start string }{{"OnBootSec", "boot"}, {"OnStartupSec", "boot"}, {"OnActiveSec", "daemon"}} {
		for _, text := range timer.All("Timer", kind.key) {
			d, _, err := units.Span(text)
			if err != nil {
				return err
			}
			keys := []pair{{"at_start", str(kind.start)}}
			if d >= time.Second {
				keys = append(keys, pair{"initial_delay", duration(d)})
			}
			all, boot = append(all, keys), true
		}
	}
	for _, key := range []string{"OnUnitActiveSec", "OnUnitInactiveSec"} {
		for _, text := range timer.All("Timer", key) {
			d, endless, err := units.Span(text)
			if err != nil {
				return err
			}
			if endless || d < time.Second {
				return fmt.Errorf("%s=%s is not an interval of a second or more", key, text)
			}
			keys := []pair{{"interval", duration(d)}}
			if key == "OnUnitInactiveSec" {
				keys = append(keys, pair{"anchor", str("finish")})
			}
			all = append(all, keys)
			if boot {
				c.d.note(t.source, 0, "%s: rota's interval counts on over restarts, from when it first saw the task", key)
			}
		}
	}
	if len(all) == 0 {
		return errors.New("it names no time")
	}
	if len(all) > 50 {
		return errors.New("it names too many times")
	}
	jitter, err := c.jitter(timer)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i][0].key != "at_start" {
			all[i] = append(all[i], jitter...)
		}
	}
	if len(all) == 1 {
		t.when = all[0]
	} else {
		var list []string
		for _, keys := range all {
			list = append(list, inline(keys))
		}
		t.when = []pair{{"triggers", "[" + strings.Join(list, ", ") + "]"}}
	}
	if calendar && truth(timer.Get("Timer", "Persistent")) {
		t.set("missed", str("once"))
	}
	if d, _, err := units.Span(timer.Get("Timer", "AccuracySec")); err == nil && d > 5*time.Minute {
		c.d.note(t.source, 0, "AccuracySec=%s let it start later; rota starts it on the second", timer.Get("Timer", "AccuracySec"))
	}
	return nil
}

// jitter converts the random delays to keys.
func (c *timerConverter) jitter(timer *units.Unit) (keys []pair, err error) {
	span := func(key string) (d time.Duration, err error) {
		if text := timer.Get("Timer", key); text != "" {
			d, _, err = units.Span(text)
		}
		return d, err
	}
	offset, err := span("RandomizedOffsetSec")
	if err != nil {
		return nil, err
	}
	delay, err := span("RandomizedDelaySec")
	switch {
	case err != nil:
		return nil, err
	case offset >= time.Second:
		if delay >= time.Second {
			c.d.note(timer.Name, 0, "of RandomizedOffsetSec and RandomizedDelaySec only the first becomes jitter")
		}
		return []pair{{"jitter", duration(offset)}}, nil
	case delay < time.Second:
		return nil, nil
	case truth(timer.Get("Timer", "FixedRandomDelay")):
		return []pair{{"jitter", duration(delay)}}, nil
	}
	return []pair{{"jitter", duration(delay)}, {"each_run", "true"}}, nil
}

func truth(text string) bool {
	return slices.Contains([]string{"1", "yes", "y", "true", "t", "on"}, strings.ToLower(text))
}
