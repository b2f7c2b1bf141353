package config

import "rota/internal/mail"

var smtpTable = &table[mail.Server]{
	name: "smtp", text: "The server that sends mail. Without it, or without its host, /usr/sbin/sendmail does. Only the main file may have this table.",
	keys: []key[mail.Server]{
		row("host", someText(func(m *mail.Server) *string { return &m.Host }), "", "The name or address of the server.", `"mail.example.org"`),
		row("port", number(1, 65535, func(m *mail.Server) *int { return &m.Port }), "", "Default: 587 for starttls, 465 for tls and 25 for none.", "2525"),
		row("tls", word(func(m *mail.Server) *string { return &m.TLS }, "starttls", "tls", "none"), `"starttls"`, "How the connection is encrypted: by STARTTLS, from the start, or not at all.", `"tls"`),
		row("from", someText(func(m *mail.Server) *string { return &m.From }), "", "The sender address. Default: rota at this machine.", `"rota@example.org"`),
		row("user", someText(func(m *mail.Server) *string { return &m.User }), "", "The name to log in with.", `"rota"`),
		row("password_file", path(func(m *mail.Server) *string { return &m.PasswordFile }), "", "The file that holds the password; other users must not be able to read it.", `"/etc/rota/secrets/smtp"`),
	},
}

// readSMTP reads [smtp]. It is read before any mail action, as each of them holds
// its server.
func (l *loader) readSMTP(loc location, v any) {
	before := len(l.complaints)
	server := mail.Server{} // without its defaults, so that one without a host is recognized as empty
	if !smtpTable.read(loc, v, "[smtp]", &server) || len(l.complaints) > before {
		return
	}
	if key, err := server.Check(); err != nil {
		at, hint := loc.at(key), ""
		if at.value() == nil {
			at, hint = loc, "add "+key
		}
		at.valueError(hint, "%v", err)
		return
	}
	l.config.SMTP = server
}
