package crontab

import "strings"

// How Debian's cron and cronie, both derived from Vixie cron, read a line.

// vixie reads a line that is neither empty nor a comment.
func (r *reader) vixie(l *Line) {
	if name, value, ok := r.assignment(l.Text); ok {
		l.Kind, l.Name, l.Value = Variable, name, value
		return
	}
	if name, ok := emptyAssignment(l.Text); ok {
		if r.o.Dialect == Cronie {
			l.Kind, l.Name, l.Value = Variable, name, ""
			return
		}
		l.wrong(0, len(l.Text), `%s= has no value: write %[1]s=""`, name)
		return
	}
	s := &scanner{l: l, strict: r.o.Dialect == Cronie}
	s.blanks()
	if r.o.Dialect == Cronie && s.ch() == '-' {
		if !r.o.System && !r.o.Root {
			l.wrong(s.at, s.at+1, `only root may write a "-" before a line`)
			return
		}
		s.at++
	}
	e := &Entry{}
	if !s.schedule(e) {
		return
	}
	if !s.user(e, r.o) || !s.options(r.o) {
		return
	}
	e.OnError = s.onError
	e.Raw = l.Text[s.at:]
	most := cronieCommand
	if r.o.Dialect == Debian {
		most = debianCommand
	}
	switch {
	case e.Raw == "":
		l.wrong(len(l.Text), len(l.Text), "it has no command")
		l.Fault.Alone = r.o.Dialect == Debian // which skips only this line
		return
	case len(e.Raw) > most:
		l.wrong(s.at, len(l.Text), "its command has %d bytes, and may have %d", len(e.Raw), most)
		return
	}
	e.split()
	e.Env = r.env
	l.Kind, l.Entry, l.Notes = Job, e, s.notes
	if e.When.Never() {
		l.Fault = &Fault{Line: l.Number, End: len(l.Text), Msg: "no day has such a date", Alone: true}
	}
}

// split separates the command from its input: the first unescaped "%" is the end of the
// command, and further ones are line ends of the input.
func (e *Entry) split() {
	var command, stdin strings.Builder
	to := &command
	for i := 0; i < len(e.Raw); i++ {
		switch c := e.Raw[i]; {
		case c == '\\' && i+1 < len(e.Raw) && e.Raw[i+1] == '%':
			to.WriteByte('%')
			i++
		case c == '%' && !e.HasStdin:
			e.HasStdin, to = true, &stdin
		case c == '%':
			to.WriteByte('\n')
		default:
			to.WriteByte(c)
		}
	}
	e.Command, e.Stdin = command.String(), stdin.String()
	if e.Stdin != "" && !strings.HasSuffix(e.Stdin, "\n") {
		e.Stdin += "\n"
	}
}

// clip shortens a text for a message.
func clip(text string) string {
	if len(text) > 40 {
		return strings.ToValidUTF8(text[:40], "") + "…"
	}
	return text
}
