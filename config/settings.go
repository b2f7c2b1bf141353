package config

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"rota/schedule"
)

// rotaKeys are the keys of [rota].
var rotaKeys = map[string]setter[Rota]{
	"timezone": func(s spot, v any, to *Rota) {
		name := ""
		if !s.text(v, &name) {
			return
		}
		zone, err := schedule.Zone(name)
		if err != nil {
			s.refused(err)
			return
		}
		to.Timezone = zone
	},
	"include": func(s spot, v any, _ *Rota) {
		s.each(v, func(s spot, item any) {
			p := pattern{at: s}
			if s.filled(item, &p.text) {
				s.l.include = append(s.l.include, p)
			}
		})
	},
	"max_running":    func(s spot, v any, to *Rota) { s.number(v, 0, math.MaxInt, &to.MaxRunning) },
	"shutdown_grace": func(s spot, v any, to *Rota) { s.duration(v, &to.ShutdownGrace) },
	"output":         func(s spot, v any, to *Rota) { s.oneOf(v, &to.Output, "none", "raw", "prefix", "json") },
	"log_level":      func(s spot, v any, to *Rota) { s.oneOf(v, &to.LogLevel, "debug", "info", "warn", "error") },
	"log_format":     func(s spot, v any, to *Rota) { s.oneOf(v, &to.LogFormat, "auto", "text", "json") },
	"state_dir":      func(s spot, v any, to *Rota) { s.filePath(v, &to.StateDir) },
	"socket":         func(s spot, v any, to *Rota) { s.filePath(v, &to.Socket) },
	"socket_group":   func(s spot, v any, to *Rota) { s.filled(v, &to.SocketGroup) },
	"autostart":      setAutostart,
	"on_bad_config":  func(s spot, v any, to *Rota) { s.targets(v, true, &to.OnBadConfig) },
}

// history reads [history]: what keep says for all tasks, and the bound over all
// of them.
func (l *loader) history(s spot, v any) {
	known := slices.AppendSeq([]string{"total"}, maps.Keys(keepKeys))
	s.table(v, func(s spot, key string, v any) {
		switch set, ok := keepKeys[key]; {
		case ok:
			set(s, v, &l.base)
		case key == "total":
			s.size(v, &l.config.Total)
		default:
			s.unknown(key, known, "[history]")
		}
	})
}

// tables are the tables of the file, and which of them an included file may
// have.
var tables = map[string]struct{ included bool }{
	"rota": {}, "web": {}, "smtp": {}, "history": {}, "defaults": {}, "queues": {true}, "notify": {true}, "tasks": {true},
}

// settings reads what stands in the main file only.
func (l *loader) settings(file *source) {
	s := spot{l: l, src: file}
	if v, ok := file.data["rota"]; ok {
		fill(s.at("rota"), v, rotaKeys, "[rota]", &l.config.Rota)
	}
	if v, ok := file.data["web"]; ok {
		l.web(s.at("web"), v)
	}
	if v, ok := file.data["smtp"]; ok {
		l.smtp(s.at("smtp"), v)
	}
	if v, ok := file.data["history"]; ok {
		l.history(s.at("history"), v)
	}
	if v, ok := file.data["defaults"]; ok {
		l.defaults(s.at("defaults"), v)
	}
}

// lanes reads the queues and notifications of a source, and complains about
// tables that do not belong there.
func (l *loader) lanes(src *source) {
	main := src == l.sources[0]
	spot{l: l, src: src}.table(src.data, func(s spot, key string, v any) {
		t, known := tables[key]
		switch {
		case !known:
			l.unknownTable(s, key, v)
		case !main && !t.included:
			s.odd("an included file holds tasks, queues and notifications only", "[%s] stands in an included file", key)
		case key == "queues":
			s.table(v, func(s spot, name string, v any) {
				q := newQueue()
				if l.claim(s, "queue", name, l.queues) && fill(s, v, queueKeys, "queue "+quote(name), &q) {
					l.config.Queues[name] = q
				}
			})
		case key == "notify":
			s.table(v, func(s spot, name string, v any) {
				if l.claim(s, "notification", name, l.notes) {
					l.tell(s, name, v)
				}
			})
		}
	})
}

// unknownTable complains about something at the top of a file, where mostly the
// table's header was forgotten.
func (l *loader) unknownTable(s spot, key string, v any) {
	hint := didYouMean(key, slices.Collect(maps.Keys(tables)))
	t, isTable := v.(map[string]any)
	switch {
	case hint != "":
	case !isTable && rotaKeys[key] != nil:
		hint = "it belongs under [rota]"
	case !isTable && isTaskKey(key):
		hint = "it belongs under [tasks.NAME]"
	case isTable && slices.ContainsFunc(slices.Collect(maps.Keys(t)), isTaskKey):
		hint = fmt.Sprintf("write [tasks.%s]", key)
	default:
		hint = "a file has [rota], [web], [smtp], [history], [notify.NAME], [defaults], [queues.NAME] and [tasks.NAME]"
	}
	if isTable {
		s.odd(hint, "unknown table %q", key)
	} else {
		s.odd(hint, "unknown key %q outside any table", key)
	}
}

var (
	names    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$`)
	taskGlob = regexp.MustCompile(`^[A-Za-z0-9_.@*-]{1,63}$`) // with * for any characters
)

const nameHint = "up to 63 of A-Z a-z 0-9 _ . @ -, the first a letter or digit"

// claim registers a name of a task, a queue or a notification; false if it is none or is taken
// by another file.
func (l *loader) claim(s spot, what, name string, taken map[string]spot) bool {
	if !names.MatchString(name) {
		s.odd(nameHint, "%q cannot be the name of a %s", name, what)
		return false
	}
	if first, ok := taken[name]; ok {
		l.add(complaint{spot: s, onKey: true, other: &first, Fault: Fault{Msg: fmt.Sprintf("%s %q is in two files", what, name)}})
		return false
	}
	taken[name] = s
	return true
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `\"`) + `"` }
