package importer

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"rota/internal/crontab"
)

var (
	onSystemd = regexp.MustCompile(`^(?:test -[ed] /run/systemd/system|\[ -[ed] /run/systemd/system \])\s*\|\|\s*`)
	anacron   = regexp.MustCompile(`^(?:test -x /usr/sbin/anacron|\[ -x /usr/sbin/anacron \])\s*\|\|\s*`)
	inBraces  = regexp.MustCompile(`^[({]\s*(.*?)\s*;?\s*[)}]$`)
	cdFirst   = regexp.MustCompile(`^cd\s+(/[A-Za-z0-9._/@+-]*)\s*&&\s*(\S.*)$`)
	lowered   = regexp.MustCompile(`^(?:/usr/bin/)?nice\s+(?:-n\s*|-)?([0-9]{1,2})\s+([^;&|<>()]+(?:\s*>+\s*\S+(?:\s+2>&1)?)?)$`)
)

// idle returns why a command does nothing on this machine; "" if it does something.
func (c *converter) idle(command string) string {
	switch {
	case c.h.Systemd && onSystemd.MatchString(command):
		return "it is for machines without systemd, where a timer does its work"
	case c.exists("/usr/sbin/anacron") && anacron.MatchString(command):
		return "anacron is installed, and does it"
	}
	return ""
}

func (c *converter) exists(path string) bool { return c.h.Exists != nil && c.h.Exists(path) }

// simplify removes the parts of a command that only cron needs, and returns the directory
// to which the command changes first.
func (c *converter) simplify(command string, line int) (dir, rest string) {
	rest = strings.TrimRight(command, " \t\r")
	if test := onSystemd.FindString(rest); test != "" && !c.h.Systemd {
		c.note(line, "it checks for systemd, which this machine does not run: the check is omitted")
		rest = rest[len(test):]
	}
	if !c.exists("/usr/sbin/anacron") {
		if after := rest[len(anacron.FindString(rest)):]; after != rest {
			rest = after
			c.note(line, "it checks for anacron, which is not installed: the check is omitted")
			if m := inBraces.FindStringSubmatch(rest); m != nil && !strings.ContainsAny(m[1], "(){}") {
				rest = m[1]
			}
		}
	}
	if m := cdFirst.FindStringSubmatch(rest); m != nil && !strings.Contains(m[2], "||") {
		dir, rest = m[1], m[2]
	}
	return dir, rest
}

// job converts a job to a task; why says why that is not possible.
func (c *converter) job(l crontab.Line) (t *task, why string) {
	e := l.Entry
	if !utf8.ValidString(e.Raw) || strings.Contains(e.Raw, "\x00") {
		return nil, "the command has bytes that are not UTF-8"
	}
	t = &task{source: c.source.Name, line: l.Number}
	if t.when, why = triggers(&e.When); why != "" {
		return nil, why
	}
	command, dir := e.Command, ""
	if !c.daemon && c.h.Dialect != crontab.Supercronic {
		dir, command = c.simplify(command, l.Number)
	}
	if strings.TrimSpace(command) == "" {
		return nil, "it has no command"
	}
	c.surroundings(t, e, l, dir)
	if m := lowered.FindStringSubmatch(command); m != nil && !c.daemon {
		if n, _ := strconv.Atoi(m[1]); n <= 19 {
			command = m[2]
			t.set("nice", strconv.Itoa(n))
		}
	}
	if strings.HasPrefix(command, "#!") { // rota would run it by the named interpreter
		command = " " + command
	}
	t.action = []pair{{"command", str(command)}}
	if e.HasStdin {
		t.set("stdin", str(e.Stdin))
		if c.h.Dialect != crontab.Supercronic {
			c.note(l.Number, `what follows "%%" is not the command but its standard input: stdin`)
		}
	}
	if c.h.Overlap {
		t.set("overlap", str("allow"))
	}
	t.stems = append(stemsOf(e.Command), e.User, scheduleSlug(t.when), hashed(e.When.Text+"\n"+e.Raw))
	c.propose(t, l, command)
	if strings.Contains(command, "/dev/null") {
		c.quiet = true
	}
	return t, ""
}

// surroundings sets the user, directory, shell, environment, mail, zone and delay of a task.
func (c *converter) surroundings(t *task, e *crontab.Entry, l crontab.Line, dir string) {
	user := cmp.Or(e.User, c.source.User)
	if user != "" {
		t.set("user", str(user))
	}
	c.directory(t, e, dir, user)
	if shell, ok := e.Get("SHELL"); ok && shell != "/bin/sh" && shell != "" && utf8.ValidString(shell) {
		t.set("shell", array([]string{shell, "-c"}))
	}
	for _, v := range e.Env {
		if !c.applyVariable(t, e, l, v) {
			continue
		}
		if p, why := variable(v.Name, v.Value); why == "" {
			t.env = append(t.env, p)
		}
	}
	if _, mailed := e.Get("MAILTO"); c.vixie() && !mailed {
		c.silent = true
	}
	if l.Entry.When.Boot {
		t.zone = ""
	}
	if len(t.when) > 0 && t.when[0].key == "triggers" && t.zone != "" { // each trigger has its own zone
		t.when[0].value = strings.ReplaceAll(t.when[0].value, " }", ", timezone = "+str(t.zone)+" }")
		t.zone = ""
	}
}

// vixie reports whether the crontab is one of a cron, and not of supercronic.
func (c *converter) vixie() bool { return c.h.Dialect != crontab.Supercronic }

// directory sets the directory of a task: dir, or that in which its cron starts it.
func (c *converter) directory(t *task, e *crontab.Entry, dir, user string) {
	home, _ := e.Get("HOME")
	switch {
	case dir != "":
		t.set("dir", str(dir))
	case c.vixie() && strings.HasPrefix(home, "/"):
		t.set("dir", str(home))
	case c.vixie() && user == "" && c.source.Home != "":
		t.set("dir", str(c.source.Home))
	case c.h.Dir != "":
		t.set("dir", str(c.h.Dir))
	case !c.vixie():
		c.own = true
	}
}

// applyVariable gives a task what a variable means to its cron, such as a mail or a zone, and
// reports whether it becomes a variable of the task, too.
func (c *converter) applyVariable(t *task, e *crontab.Entry, l crontab.Line, v crontab.Value) bool {
	switch v.Name {
	case "SHELL":
		return c.daemon
	case "MAILTO":
		if c.vixie() {
			c.mail(t, e, v.Value, l)
		}
		return !c.vixie()
	case "MAILFROM", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING", "LOGNAME":
		return !c.vixie()
	case "USER":
		return c.h.Dialect != crontab.Cronie
	case "CRON_TZ":
		if c.h.Dialect != crontab.Debian && (c.h.Zone == nil || c.h.Zone(v.Value)) {
			t.zone = v.Value
		}
		return false
	case "RANDOM_DELAY":
		if n := delay(v.Value); n > 0 && c.h.Dialect == crontab.Cronie && !e.When.Boot {
			t.when = append(t.when, pair{"jitter", str(fmt.Sprintf("%dm", n))})
		}
		return !c.vixie()
	}
	return true
}

var address = regexp.MustCompile(`^[A-Za-z0-9._%+=-]+(?:@[A-Za-z0-9.-]+)?$`)

// mail adds the mail of the output to a task.
func (c *converter) mail(t *task, e *crontab.Entry, to string, l crontab.Line) {
	var all []string
	for _, one := range strings.FieldsFunc(to, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !address.MatchString(one) {
			c.note(l.Number, "MAILTO has %q, which is not an address: no mail is sent", one)
			return
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return
	}
	key := "on_output"
	if e.OnError {
		key = "on_failure"
	}
	t.set(key, list(all)) // replaced by the name of the target, see targets
}

// targets makes a notification target with a name for each list of addresses in MAILTO.
func (c *converter) targets() {
	names := map[string]string{} // by addresses
	used := map[string]bool{}
	for _, t := range c.d.tasks {
		for i, p := range t.policy {
			if p.key != "on_output" && p.key != "on_failure" {
				continue
			}
			n, known := names[p.value]
			if !known {
				first, _, _ := strings.Cut(strings.Trim(p.value, `["`), `"`)
				local, _, _ := strings.Cut(first, "@")
				n = slug(local, 30)
				if n == "" || used[n] {
					n = slug(first, 40) + "-" + hashed(p.value)
				}
				n = strings.TrimLeft(n, "-")
				names[p.value], used[n] = n, true
				c.d.targets = append(c.d.targets, target{n, p.value})
			}
			t.policy[i].value = str(n)
		}
	}
}
