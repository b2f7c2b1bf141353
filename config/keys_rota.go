package config

import (
	"time"

	"rota/schedule"
)

// Rota is the [rota] table: the settings of the daemon.
type Rota struct {
	Timezone      *time.Location // never nil; the host's if not given
	MaxRunning    int            // 0: no limit
	ShutdownGrace time.Duration  // -1: not given
	Output        string         // "", "none", "raw", "prefix" or "json"; "": not given
	LogLevel      string         // "debug", "info", "warn" or "error"
	LogFormat     string         // "auto", "text" or "json"
	StateDir      string         // absolute; "": not given
	Socket        string         // absolute; "": not given
	SocketGroup   string         // "": not given
	Autostart     []string       // patterns, as of [MatchQueue], of the queues that start with the daemon; ["*"] if not given
	Watch         time.Duration  // how often to check whether the files have changed; 0: react to events only
	OnBadConfig   []string       // names of [notify.NAME]
	OnTrouble     []string       // names of [notify.NAME]
}

var rotaTable = &table[Config]{
	name: "rota", text: "Settings of the daemon. Only the main file may have this table.",
	keys: []key[Config]{
		row("timezone", value[Config]{textType, setTimezone, func(c *Config) any { return c.Rota.Timezone.String() }}, "", "The time zone of triggers without one of their own, an IANA name. Default: TZ of the environment, else that of the machine when rota starts.", `"Europe/Berlin"`),
		row("include", value[Config]{orList(textType), setInclude, func(c *Config) any { return c.Globs }}, "", "Patterns of files with more tasks, queues and notifications. Relative ones start at the directory of this file.", `"conf.d/*.toml"`, `["conf.d/*.toml", "more/*"]`),
		row("max_running", number(0, noLimit, func(c *Config) *int { return &c.Rota.MaxRunning }), "0", "How many threaded and sequential runs may execute at once. 0 is no limit.", "0", "50"),
		row("shutdown_grace", duration(func(c *Config) *time.Duration { return &c.Rota.ShutdownGrace }), `"30s"`, "How long runs may continue when rota stops; from the start of that time, rota proceed requests them to stop. As process 1 of a container, which has 10s in total, the default is 4s.", `"1m"`),
		row("watch", duration(func(c *Config) *time.Duration { return &c.Rota.Watch }), `"10s"`, "How often to check whether the file and its includes have changed, besides watching them, as the system reports no changes on network mounts and some bind mounts. 0s is never.", `"1m"`, `"0s"`),
		row("autostart", custom(orList(textType), func(c *Config) *[]string { return &c.Rota.Autostart }, setAutostart), `["*"]`, "Patterns of the queues that are started with rota; the others wait for rota queue start.", `"*@mail"`, `["main", "site1@*"]`, `[]`),
		row("on_bad_config", targets(true, func(c *Config) *[]string { return &c.Rota.OnBadConfig }), "", "Notifications to send when a changed file is refused.", `"ops"`, `["ops"]`),
		row("on_trouble", targets(true, func(c *Config) *[]string { return &c.Rota.OnTrouble }), "", "Notifications to send when rota itself has trouble, once for each: the disk is full, the ledger is damaged or cannot be written, another notification cannot be delivered, or scheduling is late.", `"ops"`, `["ops", "mail"]`),
		row("output", word(func(c *Config) *string { return &c.Rota.Output }, "none", "raw", "prefix", "json"), "", "How rota daemon prints the output of tasks. Default: prefix on a terminal, raw as process 1, else none.", `"json"`),
		row("log_level", word(func(c *Config) *string { return &c.Rota.LogLevel }, logLevels...), `"info"`, "The lowest level that rota logs.", `"warn"`),
		row("log_format", word(func(c *Config) *string { return &c.Rota.LogFormat }, "auto", "text", "json"), `"auto"`, "The format of the log. auto is colored on a terminal, entries with the fields TASK and RUN if it goes to the journal of systemd, else text.", `"json"`),
		row("state_dir", path(func(c *Config) *string { return &c.Rota.StateDir }), "", "The directory for state, history and outputs. Default: that of rota daemon --state-dir or $ROTA_STATE_DIR, else /var/lib/rota for root and $XDG_STATE_HOME/rota for others.", `"/var/lib/rota"`).atRestart(),
		row("socket", path(func(c *Config) *string { return &c.Rota.Socket }), "", "The unix socket of the control API. Default: rota.sock in state_dir, if that is set, else /run/rota/rota.sock for root and $XDG_RUNTIME_DIR/rota/rota.sock for others.", `"/run/rota/rota.sock"`).atRestart(),
		row("socket_group", someText(func(c *Config) *string { return &c.Rota.SocketGroup }), "", "The group whose members have all rights on the socket.", `"adm"`).atRestart(),
	},
}

var logLevels = []string{"debug", "info", "warn", "error"}

func setTimezone(loc location, v any, to *Config) {
	name := ""
	if !loc.text(v, &name) {
		return
	}
	zone, err := schedule.Zone(name)
	if err != nil {
		loc.scheduleError(err)
		return
	}
	to.Rota.Timezone = zone
	if w := schedule.ZoneWarning(name); w != nil {
		loc.warnPart(span{}, w.Hint, "%s", w.Msg)
	}
}

func setInclude(loc location, v any, _ *Config) {
	loc.each(v, func(loc location, item any) {
		p := pattern{at: loc}
		if loc.filled(item, &p.text) {
			loc.literalPath(p.text, 0)
			loc.l.include = append(loc.l.include, p)
		}
	})
}

// maxPatterns limits the patterns of queues; each is compared with
// each queue.
const maxPatterns = 100

// setAutostart reads the patterns of autostart. An empty list is no mistake
// here: then no queue starts by itself.
func setAutostart(loc location, v any, to *Config) {
	if list, ok := v.([]any); ok && len(list) == 0 {
		to.Rota.Autostart = []string{}
		return
	}
	if loc.texts(v, &to.Rota.Autostart) && len(to.Rota.Autostart) > maxPatterns {
		loc.valueError(`let a * stand for several, as in "site*@mail"`, "autostart has more than %d patterns", maxPatterns)
		to.Rota.Autostart = nil
	}
}
