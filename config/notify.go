package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"rota/runner"
)

// Notify is a target of [notify.NAME]: who is told, and how.
type Notify struct {
	Name        string
	Action      runner.Action  // *runner.Mail, *runner.HTTP or *runner.Command
	Process     runner.Process // the surroundings of a command
	AtMostEvery time.Duration  // 0: each time
}

// ways are the ways to tell somebody: one of them stands in each
// [notify.NAME].
var ways = map[string]func(s spot, v any) runner.Action{
	"webhook": reader(webhookKeys, runner.HTTP{Method: "POST", Expect: []string{"200-299"}}),
	"command": readCommand,
	"mail":    readMail,
}

// webhookKeys are the keys of a webhook.
var webhookKeys = map[string]setter[runner.HTTP]{
	"url":     httpKeys["url"],
	"method":  httpKeys["method"],
	"headers": httpKeys["headers"],
	"body":    httpKeys["body"],
}

// tell reads one target.
func (l *loader) tell(s spot, name string, v any) {
	n := Notify{Name: name, Process: newDraft().Process}
	n.Process.Base = s.src.dir
	known := slices.AppendSeq([]string{"at_most_every"}, maps.Keys(ways))
	var given []string
	guessed := false
	isTable := s.table(v, func(s spot, key string, v any) {
		read := ways[key]
		switch {
		case key == "at_most_every":
			s.duration(v, &n.AtMostEvery)
		case read != nil:
			given = append(given, key)
			before := len(l.complaints)
			if a := read(s, v); a != nil {
				n.Action = a
				s.problems(runner.CheckHook(a), before)
			}
		default:
			guessed = true
			s.unknown(key, known, "notify "+quote(name))
		}
	})
	switch {
	case !isTable:
	case len(given) == 0 && !guessed:
		s.odd(fmt.Sprintf("add one of %s", enumerate(slices.Sorted(maps.Keys(ways)))), "notify %q tells nobody", name)
	case len(given) > 1:
		s.inOrder(given)
		for _, key := range given[1:] {
			s.at(key).odd("two ways are two targets", "notify %q has %s beside %s", name, key, given[0])
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
