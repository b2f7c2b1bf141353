package config

import "math"

// fileTables documents what stands at the top of a file, but for tasks.
func fileTables() []Table {
	return []Table{
		{
			Name: "", Text: "A file.", Around: "%s\n",
			Parts: keysOf(
				Key{"rota", table("rota"), "", "What holds for rota as a whole.", nil, ""},
				Key{"web", table("web"), "", "Who may speak to rota over a network.", nil, ""},
				Key{"smtp", table("smtp"), "", "Who takes mails.", nil, ""},
				Key{"history", table("history"), "", "How much is remembered.", nil, ""},
				Key{"notify", named(namePattern, table("notify.NAME")), "", "Who is told, and how.", nil, ""},
				Key{"queues", named(namePattern, table("queues.NAME")), "", "Lanes in which runs wait for each other.", nil, ""},
				Key{"defaults", table("defaults"), "", "Keys for all tasks.", nil, ""},
				Key{"tasks", named(namePattern, table("tasks.NAME")), "", "When, and what.", nil, ""},
			),
		},
		{
			Name: "rota", Text: "What holds for rota as a whole. It stands in the main file only.",
			Around: "[rota]\n%s\n" + others,
			Parts: keysOf(
				Key{"timezone", anyText, "", "The zone of all triggers that name none, as in the zone data of IANA. Without it, that of the machine.", []string{`"Europe/Berlin"`}, ""},
				Key{"include", orList(anyText), "", "Patterns of files with more tasks, queues and notifications. They start at the folder of this file.", []string{`"conf.d/*.toml"`, `["conf.d/*.toml", "more/*"]`}, ""},
				Key{"max_running", count(0), "0", "How many threaded and sequential runs there may be at once. 0 is no limit.", []string{"0", "50"}, ""},
				Key{"shutdown_grace", lengthOf, `"30s"`, "How long runs under way may go on when rota stops. As process 1 of a container the default is 5s.", []string{`"1m"`}, ""},
				Key{"autostart", orList(anyText), `["*"]`, "Patterns of the queues that start by themselves; the others wait for rota queue start.", []string{`"*@mail"`, `["main", "site1@*"]`, `[]`}, ""},
				Key{"on_bad_config", orList(anyText), "", "Notifications to send when a changed file is refused.", []string{`"ops"`, `["ops"]`}, ""},
				Key{"output", word("none", "raw", "prefix", "json"), "", "How rota daemon prints the output of tasks. Without it: prefix on a terminal, raw as process 1, else none.", []string{`"json"`}, ""},
				Key{"log_level", word("debug", "info", "warn", "error"), `"info"`, "What rota logs: this and all that is worse.", []string{`"warn"`}, ""},
				Key{"log_format", word("auto", "text", "json"), `"auto"`, "How it logs. auto is for people on a terminal, else text.", []string{`"json"`}, ""},
				Key{"state_dir", pathType, "", "The folder with all that rota remembers. Without it /var/lib/rota for root, else $XDG_STATE_HOME/rota. A change needs a restart.", []string{`"/var/lib/rota"`}, ""},
				Key{"socket", pathType, "", "The unix socket on which rota answers. Without it rota.sock in state_dir, if that is given, else /run/rota/rota.sock for root and $XDG_RUNTIME_DIR/rota/rota.sock for others. A change needs a restart.", []string{`"/run/rota/rota.sock"`}, ""},
				Key{"socket_group", anyText, "", "The group whose members may do everything over the socket. A change needs a restart.", []string{`"adm"`}, ""},
			),
		},
		{
			Name: "web", Text: "Who may speak to rota over a network. Without it nobody can. Without tokens this machine can, and only look. It stands in the main file only.",
			Around: "[web]\n%s\n" + others,
			Parts: keysOf(
				Key{"listen", anyText, `""`, "Where to listen: HOST:PORT or unix:/path. HOST:PORT needs tokens and, where other machines can reach it, tls_cert and tls_key. At a unix socket users of this machine may do what they may do at the socket of rota.", []string{`"127.0.0.1:8377"`, `"unix:/run/rota/web.sock"`, `""`}, ""},
				Key{"tokens", named(namePattern, table("web.tokens.NAME")), "", "Who may do what, by a secret that they show.", []string{`{ ci = { file = "/etc/rota/secrets/ci" } }`}, ""},
				Key{"hosts", orList(anyText), "", "Names by which rota may be called, without a port, besides localhost and the address that it listens on.", []string{`"rota.example.org"`, `["rota.example.org", "10.0.0.7"]`}, ""},
				Key{"tls_cert", pathType, "", "The certificate, with those that lead to its authority, in PEM. A reload reads it again.", []string{`"/etc/rota/tls.crt"`}, `tls_key = "/k"`},
				Key{"tls_key", pathType, "", "Its private key, in PEM. Only its owner and group may read it.", []string{`"/etc/rota/tls.key"`}, `tls_cert = "/c"`},
			),
		},
		{
			Name: "web.tokens.NAME", Text: "What the bearer of a token may do.", Needs: []string{"file"},
			Around: "[web.tokens.ci]\n%s\n" + others,
			Parts: keysOf(
				Key{"file", pathType, "", "The file that holds the token, 16 characters or more; the world may not be able to read it.", []string{`"/etc/rota/secrets/ci"`}, ""},
				Key{"may", word("read", "request", "control"), `"read"`, "read: look. request: also ask for runs. control: everything.", []string{`"request"`}, `file = "/f"`},
				Key{"tasks", orList(Type{Name: "a text", Text: true, Pattern: taskGlob.String()}), `["*"]`, "Patterns of the tasks that it is for.", []string{`"*"`, `["backup-*"]`}, `file = "/f"`},
			),
		},
		{
			Name: "smtp", Text: "The server that takes mails. Without it, or without its host, /usr/sbin/sendmail does. It stands in the main file only.",
			Around: "[smtp]\n%s\n" + others,
			Parts: keysOf(
				Key{"host", anyText, "", "The name or address of the server.", []string{`"mail.example.org"`}, ""},
				Key{"port", number(1, 65535), "", "Without it 587 for starttls, 465 for tls and 25 for none.", []string{"2525"}, smtpHost},
				Key{"tls", word("starttls", "tls", "none"), `"starttls"`, "How the connection is encrypted: after a word in clear, from the start, or not at all.", []string{`"tls"`}, smtpHost},
				Key{"from", anyText, "", "The address that mails come from. Without it rota at this machine.", []string{`"rota@example.org"`}, smtpHost},
				Key{"user", anyText, "", "The name to log in with.", []string{`"rota"`}, smtpHost + "\npassword_file = \"/p\""},
				Key{"password_file", pathType, "", "The file that holds the password; the world may not be able to read it.", []string{`"/etc/rota/secrets/smtp"`}, smtpHost + "\nuser = \"u\""},
			),
		},
		{
			Name: "history", Text: "How much is remembered of all tasks that do not say otherwise. It stands in the main file only.",
			Around: "[history]\n%s\n" + others,
			Parts: keysOf(append(keepDocs(`"90d"`),
				Key{"total", sizeType, `"1GiB"`, "How many bytes the outputs and inputs of all tasks may have together, with what the ledger has beyond its first 16 MiB. The ledger may have half of it, and then loses the oldest ended runs of the tasks that have the most; beyond the rest the oldest outputs go.", []string{`"512MiB"`}, ""})...),
		},
		{
			Name: "notify.NAME", Text: "Who is told, and how: one of mail, webhook and command.",
			Around: "[notify.me]\n%s\n" + others,
			Parts: keysOf(
				Key{"mail", table("tasks.NAME.mail"), "", "A mail, see [smtp].", []string{`{ to = "ops@example.org" }`}, ""},
				Key{"webhook", table("notify.NAME.webhook"), "", "A request over HTTP.", []string{`{ url = "https://example.org/hook" }`}, ""},
				Key{"command", orList(anyText), "", "A command: a text for the shell, or a list of a program and its arguments. It reads what happened, and gets ROTA_EVENT, ROTA_OUTCOME, ROTA_EXIT, ROTA_WHY and ROTA_MORE.", []string{`"wall"`, `["wall", "-n"]`}, ""},
				Key{"at_most_every", lengthOf, `"0s"`, "How often it is told at most; what happens sooner is gathered. 0s is each time.", []string{`"1h"`}, `command = "wall"`},
			),
		},
		{
			Name: "notify.NAME.webhook", Text: "A request. An answer other than 2xx is a failure, and tried again.", Needs: []string{"url"},
			Around: "[notify.me]\nwebhook = { %s }\n" + others,
			Parts: keysOf(
				Key{"url", anyText, "", "http or https. A template may stand behind the host.", []string{`"https://example.org/hook"`}, ""},
				Key{"method", anyText, `"POST"`, "The method.", []string{`"PUT"`}, anyURL},
				Key{"headers", named("", anyText), "", "More headers.", []string{`{ Authorization = "Bearer x" }`}, anyURL},
				Key{"body", anyText, "", "What is sent, a template. Without it a JSON object that says what happened.", []string{`"{{.Task}}: {{.Outcome}}"`}, anyURL},
			),
		},
		{
			Name: "queues.NAME", Text: "A lane. The queue main is there in any case.",
			Around: "[queues.slow]\n%s\n" + others,
			Parts: keysOf(
				Key{"workers", count(1), "1", "How many of its runs execute at once.", []string{"4"}, ""},
				Key{"capacity", count(1), "1000", "How many may wait. What comes beyond that is skipped or, if asked for, refused.", []string{"20"}, ""},
				Key{"description", anyText, "", "For people.", []string{`"one disk"`}, ""},
			),
		},
		{
			Name: "defaults", Text: "Any key of a task but its triggers and its action. env, secrets, retry and keep are merged with those of a task key by key, lists are replaced.",
			Around: "[defaults]\n%s\n" + others,
			Parts:  keysOf(defaultDocs()...),
		},
	}
}

// defaultDocs are the keys of a task that [defaults] may have.
func defaultDocs() []Key {
	var keys []Key
	for _, p := range taskParts() {
		for _, k := range p.Keys {
			if _, ok := taskKeys[k.Name]; ok {
				k.With = ""
				keys = append(keys, k)
			}
		}
	}
	return keys
}

const (
	namePattern = `^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$`

	// What the values of examples name.
	others   = "\n[notify.ops]\ncommand = \"true\"\n[tasks.other]\ncommand = \"true\"\non_success = []\non_failure = []\n[queues.lane]\n"
	smtpHost = `host = "mail.example.org"`
	anyURL   = `url = "https://example.org/"`
)

// keepDocs are the keys of keep and of [history].
func keepDocs(age string) []Key {
	return []Key{
		{"runs", number(1, math.MaxInt), "10000", "How many ended runs of a task are kept, and as many records of slots that did not run.", []string{"100"}, ""},
		{"outputs", count(0), "500", "Of how many runs of a task the output is kept.", []string{"10"}, ""},
		{"bytes", sizeType, "", "How many bytes the outputs of a task may have together. Without it, as many as there are.", []string{`"100MiB"`}, ""},
		{"age", lengthOf, age, "What ended longer ago is removed. 0s is never.", []string{`"30d"`}, ""},
		{"output", sizeType, `"1MiB"`, "How much output of one run is kept; of more, the head and the tail.", []string{`"64KiB"`}, ""},
		{"at_least", lengthOf, `"0s"`, "What ended less long ago stays, whatever else says.", []string{`"1d"`}, ""},
	}
}
