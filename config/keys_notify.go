package config

import (
	"fmt"
	"slices"
	"time"

	"rota/runner"
)

// Notify is a target of [notify.NAME]: a target of notifications.
type Notify struct {
	Name        string
	Action      runner.Action  // *runner.Mail, *runner.HTTP or *runner.Command
	Process     runner.Process // the surroundings of a command
	AtMostEvery time.Duration  // 0: each time
}

// notifyActions are the actions that deliver a notification: each [notify.NAME] has
// one of them.
var notifyActions = []action{
	{Key{"mail", mailAction.Type, "", "Send a mail, see [smtp].", []string{`{ to = "ops@example.org" }`}}, mailAction.read, mailTable},
	{Key{"webhook", tableType(webhookTable.name), "", "A request over HTTP.", []string{`{ url = "https://example.org/hook" }`}}, readTable(webhookTable), webhookTable},
	{Key{"command", commandAction.Type, "", "A command: a text for the shell or, if it begins with #!, for the interpreter named there; or a list of a program and its arguments. It reads what happened, and gets ROTA_EVENT, ROTA_OUTCOME, ROTA_EXIT, ROTA_WHY, ROTA_MORE and, where url in [web] says it, ROTA_URL, the address of the run on the page.", []string{`"wall"`, `["wall", "-n"]`}}, commandAction.read, nil},
}

// notifyTable has the keys of a target besides its action.
var notifyTable = &table[Notify]{
	name: "notify.NAME", text: "A target of notifications: one of mail, webhook and command.",
	keys: []key[Notify]{
		row("at_most_every", duration(func(n *Notify) *time.Duration { return &n.AtMostEvery }), `"0s"`, "The shortest time between two notifications; events in between are sent together. 0s is no limit.", `"1h"`),
	},
}

// docNotify documents [notify.NAME] with all of its actions.
func docNotify() Table {
	t := notifyTable.doc()
	t.Sections = []Section{{"", append(docActions(notifyActions), docs(notifyTable.keys)...)}}
	return t
}

var webhookTable = &table[runner.HTTP]{
	name: "notify.NAME.webhook", text: "A request. An answer other than 2xx is a failure, and tried again.", required: []string{"url"},
	initial: runner.HTTP{Expect: []string{"200-299"}},
	keys: []key[runner.HTTP]{
		row("url", httpURL, "", "http or https. A template is allowed after the host.", `"https://example.org/hook"`),
		row("method", httpMethod, `"POST"`, "The method.", `"PUT"`),
		row("headers", httpHeaders, "", "More headers.", `{ Authorization = "Bearer x" }`),
		row("body", httpBody, "", "The body, a template. Default: a JSON object that describes the event.", `"{{.Task}}: {{.Outcome}}"`),
	},
}

// readNotify reads [notify].
func (l *loader) readNotify(loc location, v any) {
	loc.table(v, func(loc location, name string, v any) {
		if l.register(loc, "notification", name, l.notes) {
			l.readTarget(loc, name, v)
		}
	})
}

// readTarget reads one target.
func (l *loader) readTarget(loc location, name string, v any) {
	n := notifyTable.zero()
	n.Name, n.Process = name, newTaskBuilder().Process
	n.Process.Base = loc.src.dir
	var given []string
	unsure := false
	isTable := loc.table(v, func(loc location, key string, v any) {
		if k := find(notifyTable.keys, key); k != nil {
			k.set(loc, v, &n)
			return
		}
		way := findAction(notifyActions, key)
		if way == nil {
			unsure = true
			loc.unknown(key, append(names(notifyTable.keys), actionNames(notifyActions)...), "notify "+quote(name))
			return
		}
		given = append(given, key)
		before := len(l.complaints)
		if a := way.read(loc, v); a != nil {
			n.Action = a
			loc.problems(runner.CheckHook(a), before)
		}
	})
	switch {
	case !isTable:
	case len(given) == 0 && !unsure:
		loc.keyError("add one of "+enumerate(slices.Sorted(slices.Values(actionNames(notifyActions)))), "notify %q has no mail, webhook or command", name)
	case len(given) > 1:
		loc.inOrder(given)
		for _, key := range given[1:] {
			loc.at(key).keyError("for both, write two targets", "notify %q has both %[3]s and %[2]s", name, key, given[0])
		}
	}
	if n.Action != nil {
		l.config.Notify[name] = n
	}
}

// enumerate joins words as in a sentence.
func enumerate(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return fmt.Sprint(words)
	}
	text := words[0]
	for _, w := range words[1:last] {
		text += ", " + w
	}
	return text + " and " + words[last]
}
