package config

import "rota/runner"

var mailAction = action{
	Key{"mail", tableType(mailTable.name), "", "Send a mail, see [smtp].", []string{`{ to = "ops@example.org", subject = "hello" }`}},
	readMail, mailTable,
}

var mailTable = &table[runner.Mail]{
	name: "tasks.NAME.mail", text: "A mail.", required: []string{"to"},
	keys: []key[runner.Mail]{
		row("to", textList(func(a *runner.Mail) *[]string { return &a.To }), "", "The recipients. Without [smtp] also users of this machine.", `"ops@example.org"`, `["root", "Ops <ops@example.org>"]`),
		row("subject", anyText(func(a *runner.Mail) *string { return &a.Subject }), "", "The subject, a template. Default: one that describes the event.", `"{{.Task}}"`),
		row("body", anyText(func(a *runner.Mail) *string { return &a.Body }), "", "The text, a template. The default of a notification describes the event.", `"on {{.Host}}"`),
		row("attach_output", boolean(func(a *runner.Mail) *bool { return &a.AttachOutput }), "false", "Add the output of the run that a notification or a hook is about.", "true"),
	},
}

func readMail(loc location, v any) runner.Action {
	a := mailTable.zero()
	a.Server = loc.l.config.SMTP
	if !mailTable.read(loc, v, "mail", &a) {
		return nil
	}
	return &a
}
