package importer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rota/internal/units"
)

// command converts the command of a service.
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
				return errors.New("the command has bytes that are not UTF-8")
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

// shellLine returns a command line for a shell. A variable that is a word by itself is
// split into several words, as by systemd; one in braces, or within a word, is not.
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

// tests maps conditions that a shell can check to the operator of "[".
var tests = map[string]string{
	"ConditionPathExists": "-e", "ConditionPathIsDirectory": "-d", "ConditionPathIsSymbolicLink": "-L",
	"ConditionFileNotEmpty": "-s", "ConditionFileIsExecutable": "-x", "ConditionPathIsReadWrite": "-w",
}

// conditions returns the tests for only_if, and lines for the command that make it fail if
// an assertion does not hold.
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
					continue // always true when a timer runs
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
				if !slices.Contains(*to, test) { // timer and service often have the same conditions
					*to = append(*to, test)
				}
			}
		}
	}
	return asked, asserted
}

// process converts the settings of the process.
func (c *timerConverter) process(t *task, s *units.Unit) {
	get := func(key string) string { return s.Get("Service", key) }
	plainOf := func(key string) string {
		text, specifier := units.Specifier(get(key))
		if specifier != "" || !utf8.ValidString(text) {
			c.d.note(t.source, 0, "%s=%s is omitted: only systemd knows what it means", key, get(key))
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
	case dir == "~" && t.get("user") != "": // the default
	case dir == "~":
		c.d.note(t.source, 0, "WorkingDirectory=~ is omitted: write dir")
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
		c.d.note(t.source, 0, "KillMode=%s is omitted: rota stops all that a run has started", mode)
	}
	if get("Type") == "forking" {
		c.d.note(t.source, 0, "Type=forking: the run ends when its first process does, and its other processes continue")
	}
}

func (c *timerConverter) environment(t *task, s *units.Unit) {
	for _, text := range s.All("Service", "Environment") {
		text, specifier := units.Specifier(text)
		all, err := units.Assignments(text)
		if specifier != "" || err != nil {
			c.d.note(t.source, 0, "Environment=%s is omitted: only systemd knows what it means", text)
			continue
		}
		for _, one := range all {
			name, value, found := strings.Cut(one, "=")
			p, why := variable(name, value)
			if !found || why != "" {
				c.d.note(t.source, 0, "the variable %s is omitted: it %s", name, why)
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
		c.d.note(t.source, 0, "EnvironmentFile=%s is omitted: it is not a path", file)
	}
	for _, more := range files[1:] {
		c.d.note(t.source, 0, "EnvironmentFile=%s is omitted: a task has one env_file", more)
	}
}

// exitNames are the names of exit codes, from sysexits.h, that units use.
var exitNames = map[string]int{"USAGE": 64, "DATAERR": 65, "NOINPUT": 66, "NOUSER": 67, "NOHOST": 68, "UNAVAILABLE": 69, "SOFTWARE": 70, "OSERR": 71, "OSFILE": 72, "CANTCREAT": 73, "IOERR": 74, "TEMPFAIL": 75, "PROTOCOL": 76, "NOPERM": 77, "CONFIG": 78, "SUCCESS": 0, "FAILURE": 1}

func (c *timerConverter) exits(t *task, text string) {
	codes := []string{"0"}
	for _, word := range strings.Fields(text) {
		n, named := exitNames[word]
		if !named {
			var err error
			if n, err = strconv.Atoi(word); err != nil || n < 0 || n > 255 {
				c.d.note(t.source, 0, "SuccessExitStatus=%s is omitted: it is not an exit code", word)
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
		c.d.note(t.source, 0, "Restart=%s is omitted: that is a service that always runs, not a task", when)
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
			c.d.note(t.source, 0, "%s=%s is omitted: it is not a number", key, s.Get("Service", key))
		}
	}
}
