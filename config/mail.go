package config

import (
	"rota/internal/mail"
	"rota/runner"
)

// smtpKeys are the keys of [smtp].
var smtpKeys = map[string]setter[mail.Server]{
	"host":          func(s spot, v any, to *mail.Server) { s.filled(v, &to.Host) },
	"port":          func(s spot, v any, to *mail.Server) { s.number(v, 1, 65535, &to.Port) },
	"tls":           func(s spot, v any, to *mail.Server) { s.oneOf(v, &to.TLS, "starttls", "tls", "none") },
	"from":          func(s spot, v any, to *mail.Server) { s.filled(v, &to.From) },
	"user":          func(s spot, v any, to *mail.Server) { s.filled(v, &to.User) },
	"password_file": func(s spot, v any, to *mail.Server) { s.filePath(v, &to.PasswordFile) },
}

// smtp reads [smtp]. It has to be read before any mail, as each carries its
// server.
func (l *loader) smtp(s spot, v any) {
	before := len(l.complaints)
	server := mail.Server{}
	if !fill(s, v, smtpKeys, "[smtp]", &server) || len(l.complaints) > before {
		return
	}
	if key, err := server.Check(); err != nil {
		at, hint := s.at(key), ""
		if at.value() == nil {
			at, hint = s, "add "+key
		}
		at.wrong(hint, "%v", err)
		return
	}
	l.config.SMTP = server
}

var mailKeys = map[string]setter[runner.Mail]{
	"to":            func(s spot, v any, to *runner.Mail) { s.texts(v, &to.To) },
	"subject":       func(s spot, v any, to *runner.Mail) { s.text(v, &to.Subject) },
	"body":          func(s spot, v any, to *runner.Mail) { s.text(v, &to.Body) },
	"attach_output": func(s spot, v any, to *runner.Mail) { s.truth(v, &to.AttachOutput) },
}

func readMail(s spot, v any) runner.Action {
	a := &runner.Mail{Server: s.l.config.SMTP}
	if !fill(s, v, mailKeys, "mail", a) {
		return nil
	}
	return a
}
