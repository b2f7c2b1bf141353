package importer

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rota/internal/units"
	"rota/schedule"
)

// Systemd says which timers are imported.
type Systemd struct {
	FS    fs.FS    // the machine, from /
	Dirs  []string // of units, the first one is the administrator's
	Names []string // of timers; none: all that are enabled
	User  bool     // of a user: the lines at the end say --user
	Home  string   // of that user: their services start there
}

// Timers imports timers of systemd and what they start.
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
			continue // it starts nothing itself
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
			mask = append(mask, shellWord(t.source)) // a link of its package has it started
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
				r.Notes = append(r.Notes, Note{name, 0, "not enabled, so left out; for that: rota import systemd " + shellWord(name)})
			}
		}
	}
	if len(r.Tasks) > 0 {
		r.Rules = []string{
			"what other units wait for or start is left out: After=, Wants=, Requires= and the like",
			"output is kept with the run, not in the journal: rota logs TASK",
		}
	}
	return r, nil
}

// timerConverter makes tasks of timers.
type timerConverter struct {
	d *document
	s Systemd
}

// understood are keys that become something else, or that mean nothing for rota.
var understood = map[string][]string{
	"Timer":   {"OnCalendar", "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "Persistent", "RandomizedDelaySec", "RandomizedOffsetSec", "FixedRandomDelay", "DeferReactivation", "AccuracySec", "Unit", "RemainAfterElapse"},
	"Service": {"Type", "ExecStart", "ExecStartPre", "ExecStartPost", "ExecCondition", "User", "Group", "WorkingDirectory", "Environment", "EnvironmentFile", "Nice", "UMask", "TimeoutStartSec", "TimeoutSec", "TimeoutStopSec", "RuntimeMaxSec", "KillSignal", "SuccessExitStatus", "Restart", "RestartSec", "LimitNOFILE", "LimitCPU", "LimitFSIZE", "LimitCORE", "RemainAfterExit", "SyslogIdentifier", "StandardOutput", "StandardError", "StandardInput", "KillMode", "SyslogFacility", "SyslogLevel", "SendSIGKILL", "GuessMainPID"},
	"Unit":    {"Description", "Documentation", "After", "Before", "Wants", "Requires", "BindsTo", "PartOf", "Conflicts", "DefaultDependencies", "RequiresMountsFor", "Requisite", "OnFailure", "StartLimitBurst", "StartLimitIntervalSec", "StartLimitInterval", "RefuseManualStart", "RefuseManualStop"},
}

func (c *timerConverter) timer(name string) (*task, error) {
	timer, err := units.Load(c.s.FS, c.s.Dirs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no such unit")
	}
	if err != nil {
		return nil, err
	}
	service := timer.Get("Timer", "Unit")
	if service == "" {
		service = strings.TrimSuffix(name, ".timer") + ".service"
	}
	if path.Ext(service) != ".service" {
		return nil, fmt.Errorf("it starts %s, which is no service", service)
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
		c.d.note(name, 0, "OnFailure=%s is left out: name a task in on_failure", hook)
	}
	return t, nil
}

// wrapped cuts a comment into lines.
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

// duration is a span as rota writes it.
func duration(d time.Duration) string {
	return str(schedule.FormatDuration(max(d.Round(time.Second), 0)))
}

// schedule makes the triggers of a timer.
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
				return fmt.Errorf("%s=%s is no interval of a second or more", key, text)
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

// jitter makes keys of the random delays.
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

// command makes the command of a service.
func (c *timerConverter) command(t *task, timer, s *units.Unit) error {
	asked, guards := c.conditions(timer, s)
	var lines []string
	var argv []string
	plain := len(guards) == 0
	for _, key := range []string{"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost"} {
		for _, text := range s.All("Service", key) {
			text, specifier := units.Specifier(text)
			if specifier != "" {
				return fmt.Errorf("%s has %s, which only systemd knows", key, specifier)
			}
			e, err := units.ParseExec(text)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if e.Full && s.Get("Service", "User") != "" {
				c.d.note(t.source, 0, "%s=%s ran with all rights; here it runs as the user of the task", key, text)
			}
			line := shellLine(e)
			if !utf8.ValidString(line) || strings.Contains(line, "\x00") {
				return errors.New("the command has bytes that are no text (UTF-8)")
			}
			if key != "ExecCondition" {
				argv = nil
				for _, w := range e.Words {
					plain = plain && !w.Vars
					argv = append(argv, w.Text)
				}
			}
			if key == "ExecCondition" {
				asked = append(asked, line)
				continue
			}
			plain = plain && !e.Ignored && key == "ExecStart"
			if e.Ignored {
				line += " || true"
			}
			lines = append(lines, line)
		}
	}
	if len(s.All("Service", "ExecStart")) == 0 {
		return fmt.Errorf("%s has no ExecStart", s.Name)
	}
	switch {
	case plain && len(lines) == 1:
		t.action = []pair{{"command", array(argv)}}
	case len(guards)+len(lines) == 1:
		t.action = []pair{{"command", str(lines[0])}}
	default:
		all := append([]string{"set -e"}, append(guards, lines...)...)
		t.action = []pair{{"command", block(all)}}
	}
	if len(asked) > 0 {
		t.set("only_if", str(strings.Join(asked, " && ")))
	}
	return nil
}

// shellLine is a command line for a shell. A variable alone is several words, as
// for systemd; one in braces, or in a word, is none.
func shellLine(e *units.Exec) string {
	var words []string
	for _, w := range e.Words {
		name, isVar := strings.CutPrefix(w.Text, "$")
		switch {
		case !w.Vars:
			words = append(words, shellWord(w.Text))
		case isVar && variableName.MatchString(name):
			words = append(words, w.Text)
		default:
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$$", `\$`).Replace(w.Text)
			words = append(words, `"`+strings.ReplaceAll(quoted, "$(", `\$(`)+`"`)
		}
	}
	return strings.Join(words, " ")
}

// tests are conditions that a shell can check: what follows "[".
var tests = map[string]string{
	"ConditionPathExists": "-e", "ConditionPathIsDirectory": "-d", "ConditionPathIsSymbolicLink": "-L",
	"ConditionFileNotEmpty": "-s", "ConditionFileIsExecutable": "-x", "ConditionPathIsReadWrite": "-w",
}

// conditions are what is asked before a run, and lines of the command that let it
// fail where an assertion does not hold.
func (c *timerConverter) conditions(timer, s *units.Unit) (asked, asserted []string) {
	for _, u := range []*units.Unit{timer, s} {
		for _, key := range u.Keys("Unit") {
			to, condition := &asked, key
			if kind, ok := strings.CutPrefix(key, "Assert"); ok {
				to, condition = &asserted, "Condition"+kind
			} else if !strings.HasPrefix(key, "Condition") {
				continue
			}
			for _, value := range u.All("Unit", key) {
				value, specifier := units.Specifier(value)
				value, not := strings.CutPrefix(value, "!")
				test := ""
				switch op := tests[condition]; {
				case specifier != "" || strings.HasPrefix(value, "|"):
				case value == "/etc/initrd-release" && not:
					continue // no timer runs so early
				case op != "" && utf8.ValidString(value) && strings.HasPrefix(value, "/"):
					test = "[ " + op + " " + shellWord(value) + " ]"
				case condition == "ConditionVirtualization" && value == "container":
					test = "systemd-detect-virt -cq"
				case condition == "ConditionVirtualization" && value == "vm":
					test = "systemd-detect-virt -vq"
				}
				if test == "" {
					c.d.note(timer.Name, 0, "%s=%s is not checked", key, u.Get("Unit", key))
					continue
				}
				if not {
					test = "! " + test
				}
				if to == &asserted {
					test += " || exit 1"
				}
				if !slices.Contains(*to, test) { // timer and service mostly ask for the same
					*to = append(*to, test)
				}
			}
		}
	}
	return asked, asserted
}

// process makes keys of what surrounds the process.
func (c *timerConverter) process(t *task, s *units.Unit) {
	get := func(key string) string { return s.Get("Service", key) }
	plainOf := func(key string) string {
		text, specifier := units.Specifier(get(key))
		if specifier != "" || !utf8.ValidString(text) {
			c.d.note(t.source, 0, "%s=%s is left out: only systemd knows what it means", key, get(key))
			return ""
		}
		return text
	}
	for _, p := range []struct{ from, to string }{{"User", "user"}, {"Group", "group"}} {
		if text := plainOf(p.from); text != "" {
			t.set(p.to, str(text))
		}
	}
	switch dir := strings.TrimPrefix(plainOf("WorkingDirectory"), "-"); {
	case dir == "~" && t.get("user") != "": // which is the default
	case dir == "~":
		c.d.note(t.source, 0, "WorkingDirectory=~ is left out: write dir")
	case dir != "":
		t.set("dir", str(dir))
	case !c.s.User:
		t.set("dir", str("/"))
	case c.s.Home != "":
		t.set("dir", str(c.s.Home))
	}
	c.environment(t, s)
	if n, err := strconv.Atoi(get("Nice")); err == nil && -20 <= n && n <= 19 {
		t.set("nice", strconv.Itoa(n))
	}
	if mask := plainOf("UMask"); mask != "" {
		t.set("umask", str(strings.Repeat("0", max(0, 4-len(mask)))+mask))
	}
	oneshot := get("Type") == "oneshot" || get("Type") == "" && get("ExecStart") == ""
	limit := get("RuntimeMaxSec")
	if oneshot {
		limit = get("TimeoutStartSec")
		if limit == "" {
			limit = get("TimeoutSec")
		}
	}
	if d, endless, err := units.Span(limit); err == nil && !endless && d >= time.Second {
		t.set("timeout", duration(d))
	}
	if signal := strings.TrimPrefix(get("KillSignal"), "SIG"); signal != "" {
		t.set("stop_signal", str(signal))
	}
	stop := get("TimeoutStopSec")
	if stop == "" {
		stop = get("TimeoutSec")
	}
	if d, endless, err := units.Span(stop); err == nil && !endless && d >= time.Second {
		t.set("kill_after", duration(d))
	}
	c.exits(t, get("SuccessExitStatus"))
	c.restart(t, s)
	c.limits(t, s)
	if mode := get("KillMode"); mode == "process" || mode == "none" {
		c.d.note(t.source, 0, "KillMode=%s is left out: rota stops all that a run has started", mode)
	}
	if get("Type") == "forking" {
		c.d.note(t.source, 0, "Type=forking: the run ends when its first process does, and what is left goes on")
	}
}

func (c *timerConverter) environment(t *task, s *units.Unit) {
	for _, text := range s.All("Service", "Environment") {
		text, specifier := units.Specifier(text)
		all, err := units.Assignments(text)
		if specifier != "" || err != nil {
			c.d.note(t.source, 0, "Environment=%s is left out: only systemd knows what it means", text)
			continue
		}
		for _, one := range all {
			name, value, found := strings.Cut(one, "=")
			p, why := variable(name, value)
			if !found || why != "" {
				c.d.note(t.source, 0, "the variable %s is left out: it %s", name, why)
				continue
			}
			t.env = slices.DeleteFunc(t.env, func(o pair) bool { return o.key == name })
			t.env = append(t.env, p)
		}
	}
	files := s.All("Service", "EnvironmentFile")
	if len(files) == 0 {
		return
	}
	if file, specifier := units.Specifier(files[0]); specifier == "" && utf8.ValidString(file) && !strings.ContainsAny(file, "*?[") {
		t.set("env_file", str(file))
	} else {
		c.d.note(t.source, 0, "EnvironmentFile=%s is left out: it is no path", file)
	}
	for _, more := range files[1:] {
		c.d.note(t.source, 0, "EnvironmentFile=%s is left out: a task has one env_file", more)
	}
}

// exitNames are those of sysexits that units name.
var exitNames = map[string]int{"USAGE": 64, "DATAERR": 65, "NOINPUT": 66, "NOUSER": 67, "NOHOST": 68, "UNAVAILABLE": 69, "SOFTWARE": 70, "OSERR": 71, "OSFILE": 72, "CANTCREAT": 73, "IOERR": 74, "TEMPFAIL": 75, "PROTOCOL": 76, "NOPERM": 77, "CONFIG": 78, "SUCCESS": 0, "FAILURE": 1}

func (c *timerConverter) exits(t *task, text string) {
	codes := []string{"0"}
	for _, word := range strings.Fields(text) {
		n, named := exitNames[word]
		if !named {
			var err error
			if n, err = strconv.Atoi(word); err != nil || n < 0 || n > 255 {
				c.d.note(t.source, 0, "SuccessExitStatus=%s is left out: it is no exit code", word)
				continue
			}
		}
		if code := strconv.Itoa(n); !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	if len(codes) > 1 {
		t.set("success_exit", "["+strings.Join(codes, ", ")+"]")
	}
}

func (c *timerConverter) restart(t *task, s *units.Unit) {
	switch when := s.Get("Service", "Restart"); when {
	case "", "no":
		return
	case "on-failure", "on-abnormal", "on-abort", "on-watchdog":
	default:
		c.d.note(t.source, 0, "Restart=%s is left out: that is no task, but a service that always runs", when)
		return
	}
	most := 5
	if n, err := strconv.Atoi(s.Get("Unit", "StartLimitBurst")); err == nil && n > 0 && n < 1000 {
		most = n
	}
	delay := time.Second
	if d, _, err := units.Span(s.Get("Service", "RestartSec")); err == nil && d >= time.Second {
		delay = d
	}
	t.set("retry", fmt.Sprintf("{ max = %d, delay = %s, factor = 1 }", most, duration(delay)))
	c.d.note(t.source, 0, "Restart=on-failure became at most %d attempts more: retry", most)
}

func (c *timerConverter) limits(t *task, s *units.Unit) {
	var limits []pair
	number := func(key string) (int64, bool) {
		text, _, _ := strings.Cut(s.Get("Service", key), ":")
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil && n >= 0
	}
	if n, ok := number("LimitNOFILE"); ok && n > 0 {
		limits = append(limits, pair{"files", strconv.FormatInt(n, 10)})
	}
	if n, ok := number("LimitCPU"); ok && n > 0 && n < 1<<31 {
		limits = append(limits, pair{"cpu_time", duration(time.Duration(n) * time.Second)})
	}
	if n, ok := number("LimitFSIZE"); ok {
		limits = append(limits, pair{"file_size", str(fmt.Sprintf("%dB", n))})
	}
	if n, ok := number("LimitCORE"); ok {
		limits = append(limits, pair{"core", str(fmt.Sprintf("%dB", n))})
	}
	if len(limits) > 0 {
		t.set("limits", inline(limits))
	}
	for _, key := range []string{"LimitNOFILE", "LimitCPU", "LimitFSIZE", "LimitCORE"} {
		if _, ok := number(key); !ok && s.Get("Service", key) != "" {
			c.d.note(t.source, 0, "%s=%s is left out: it is no number", key, s.Get("Service", key))
		}
	}
}
