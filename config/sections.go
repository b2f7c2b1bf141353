package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"rota/runner"
)

// section is a table at the top of a file.
type section struct {
	Key
	included bool // an included file may have the table, too
	read     func(l *loader, loc location, v any)
	changed  func(old, new *Config) (keys []string) // the keys that differ; nil: the section is compared as part of the tasks
}

// sections lists all tables at the top of a file, in the order in which they are
// read: each before the sections that depend on it.
var sections []section

func init() { // not in the declaration, as the functions that read a section refer to sections
	one := func(name, text string) Key { return Key{Name: name, Type: tableType(name), Text: text} }
	many := func(name, text string) Key {
		return Key{Name: name, Type: namedType(namePattern, tableType(name+".NAME")), Text: text}
	}
	sections = []section{
		{one("rota", "Settings of the daemon."), false, (*loader).readRota, rotaChanged},
		{one("web", "Access to rota over a network."), false, (*loader).readWeb, sectionChanged("web", func(c *Config) any { return c.Web })},
		{one("smtp", "The mail server."), false, (*loader).readSMTP, sectionChanged("smtp", func(c *Config) any { return c.SMTP })},
		{one("history", "How much history is kept."), false, (*loader).readHistory, sectionChanged("history", func(c *Config) any { return []any{c.Keep, c.Total} })},
		{one("defaults", "Default values of the keys of tasks."), false, (*loader).readDefaults, nil},
		{many("notify", "Targets of notifications."), true, (*loader).readNotify, namedChanged("notify", func(c *Config) map[string]Notify { return c.Notify })},
		{many("queues", "Queues in which runs wait for each other."), true, (*loader).readQueues, namedChanged("queues", func(c *Config) map[string]runner.Queue { return c.Queues })},
		{many("tasks", "The tasks."), true, (*loader).readTasks, nil},
	}
}

// Tables documents all tables, in the order of the manual.
func Tables() []Table {
	list := []Table{docFile(), rotaTable.doc(), webTable.doc(), tokenTable.doc(), proxyTable.doc(), smtpTable.doc(), historyTable.doc(), docNotify(), webhookTable.doc(), queueTable.doc(), docDefaults(), docTask(), docTriggers(), retryTable.doc(), keepTable.doc(), limitTable.doc()}
	for _, a := range actions {
		if a.below != nil {
			list = append(list, a.below.doc())
		}
	}
	return list
}

// docFile documents the top of a file.
func docFile() Table {
	t := Table{Text: "A file.", Sections: []Section{{}}}
	for _, s := range sections {
		t.Sections[0].Keys = append(t.Sections[0].Keys, s.Key)
	}
	return t
}

func docDefaults() Table {
	return Table{
		Name: "defaults", Text: "Any key of a task but its triggers, after and its action. env, secrets, retry and keep are merged with those of a task key by key, lists are replaced.",
		Sections: []Section{{"", docs(defaultsKeys)}},
	}
}

func docTriggers() Table {
	return Table{Name: severalTriggers.Type.List.Table, Text: "One of several triggers.", Sections: []Section{{"", triggerKeys}}}
}

// readMain reads the sections that only the main file may have.
func (l *loader) readMain(file *source) {
	for _, sec := range sections {
		if !sec.included {
			sec.from(l, file)
		}
	}
}

// readIncluded reads the sections that any file may have, each in all files
// before the next.
func (l *loader) readIncluded() {
	for _, sec := range sections {
		for _, src := range l.sources {
			if sec.included {
				sec.from(l, src)
			}
		}
	}
}

// from reads the section of a source.
func (sec section) from(l *loader, src *source) {
	if v, ok := src.data[sec.Name]; ok {
		sec.read(l, location{l: l, src: src}.at(sec.Name), v)
	}
}

// checkSections complains about keys and tables that may not be at the top of a source.
func (l *loader) checkSections(src *source) {
	location{l: l, src: src}.table(src.data, func(loc location, key string, v any) {
		i := slices.IndexFunc(sections, func(sec section) bool { return sec.Name == key })
		switch {
		case i < 0:
			l.unknownTable(loc, key, v)
		case src != l.sources[0] && !sections[i].included:
			loc.keyError("move it to the main file; an included file may have [tasks], [queues] and [notify]", "[%s] is not allowed in an included file", key)
		}
	})
}

// unknownTable complains about an unknown key or table at the top of a file. Mostly
// the header of its table is missing.
func (l *loader) unknownTable(loc location, key string, v any) {
	var known []string
	for _, sec := range sections {
		known = append(known, sec.Name)
	}
	hint := didYouMean(key, known)
	t, isTable := v.(map[string]any)
	switch {
	case hint != "":
	case !isTable && find(rotaTable.keys, key) != nil:
		hint = "it belongs under [rota]"
	case !isTable && isTaskKey(key):
		hint = "it belongs under [tasks.NAME]"
	case isTable && slices.ContainsFunc(slices.Collect(maps.Keys(t)), isTaskKey):
		hint = fmt.Sprintf("write [tasks.%s]", key)
	default:
		hint = "a file has [rota], [web], [smtp], [history], [notify.NAME], [defaults], [queues.NAME] and [tasks.NAME]"
	}
	if isTable {
		loc.keyError(hint, "unknown table %q", key)
	} else {
		loc.keyError(hint, "unknown key %q outside any table", key)
	}
}

// readRota reads [rota].
func (l *loader) readRota(loc location, v any) { rotaTable.read(loc, v, "[rota]", l.config) }

// readHistory reads [history].
func (l *loader) readHistory(loc location, v any) { historyTable.read(loc, v, "[history]", l) }

// rotaChanged names the keys of [rota] that differ.
func rotaChanged(old, new *Config) (keys []string) {
	for _, k := range rotaTable.keys {
		if !reflect.DeepEqual(k.get(old), k.get(new)) {
			keys = append(keys, k.Name)
		}
	}
	return keys
}

// sectionChanged returns a function that returns the name of a section if it differs.
func sectionChanged(name string, of func(*Config) any) func(old, new *Config) []string {
	return func(old, new *Config) []string {
		if reflect.DeepEqual(of(old), of(new)) {
			return nil
		}
		return []string{name}
	}
}

// namedChanged returns a function that names the tables of a section that differ.
func namedChanged[T any](section string, of func(*Config) map[string]T) func(old, new *Config) []string {
	return func(old, new *Config) (keys []string) {
		all := maps.Clone(of(old))
		maps.Copy(all, of(new))
		for _, name := range slices.Sorted(maps.Keys(all)) {
			was, before := of(old)[name]
			is, after := of(new)[name]
			if before != after || !reflect.DeepEqual(was, is) {
				keys = append(keys, section+"."+name)
			}
		}
		return keys
	}
}

const (
	namePattern = `^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$`
	nameHint    = "up to 63 of A-Z a-z 0-9 _ . @ -, the first a letter or digit"
)

// maxName is how many letters a name has at most.
const maxName = 63

var (
	notInName = regexp.MustCompile(`[^A-Za-z0-9_.@-]+`)
	validName = regexp.MustCompile(namePattern)
	taskGlob  = regexp.MustCompile(`^[A-Za-z0-9_.@*-]{1,63}$`) // with * for any characters
)

// register adds the name of a task, a queue or a notification to taken. It returns
// false if the name is not valid or another file has it.
func (l *loader) register(loc location, what, name string, taken map[string]location) bool {
	if !validName.MatchString(name) {
		loc.keyError(validHint(loc, name), "%q is not a valid %s name", name, what)
		return false
	}
	if first, ok := taken[name]; ok {
		l.add(complaint{location: loc, onKey: true, other: &first, Fault: Fault{Msg: fmt.Sprintf("%s %q is in two files", what, name)}})
		return false
	}
	taken[name] = loc
	return true
}

// validHint returns the hint for a name that is not valid: a similar one that is.
func validHint(loc location, name string) string {
	like := similarName(name)
	if like == "" {
		return nameHint
	}
	return fmt.Sprintf("write [%v.%s]: %s", loc.path[0], tomlKey(like), nameHint)
}

// similarName returns a valid name that is similar to the given one; "" if none is.
func similarName(name string) string {
	like := strings.Trim(notInName.ReplaceAllString(name, "-"), "-_.@")
	if len(like) > maxName {
		like = strings.TrimRight(like[:maxName], "-_.@")
	}
	if !validName.MatchString(like) {
		return ""
	}
	return like
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `\"`) + `"` }
