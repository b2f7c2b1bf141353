package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rota/internal/suggest"
	"rota/runner"
)

// Hooks are what is told or started when something has become of a run: names
// of [notify.NAME], or "run:TASK".
type Hooks struct {
	OnSuccess []string // ok
	OnFailure []string // failed, timeout or lost, and no attempt is left; also that the task is held for it, or has no success for too long
	OnMissed  []string // a slot was missed
	OnRecover []string // ok after a failure
	OnOutput  []string // it wrote something
}

// each calls do for each of them, by the name of its key.
func (h *Hooks) each(do func(key string, list *[]string)) {
	do("on_success", &h.OnSuccess)
	do("on_failure", &h.OnFailure)
	do("on_missed", &h.OnMissed)
	do("on_recover", &h.OnRecover)
	do("on_output", &h.OnOutput)
}

// RunHook returns the task that a hook such as "run:TASK" starts; ok is false if
// the hook is the name of a notification.
func RunHook(hook string) (task string, ok bool) { return strings.CutPrefix(hook, "run:") }

const (
	maxTargets = 32     // of one hook
	maxCircles = 10     // that are told of
	maxGuesses = 100    // names that are compared with those there are
	maxNames   = 10_000 // that a name is compared with
)

// reference is a place that names a notification or a task, which may stand
// further down or in another file.
type reference struct {
	at   spot
	name string
	told bool // it has to be a notification
}

// targets reads names of notifications or "run:TASK". An empty list is no
// mistake: it takes away what [defaults] say.
func (s spot) targets(v any, told bool, to *[]string) {
	var list []string
	if items, ok := v.([]any); !ok || len(items) > 0 {
		n := 0
		s.each(v, func(s spot, item any) {
			name := ""
			if n++; n == maxTargets+1 {
				s.wrong("name a task that tells them all", "%s has more than %d items", s.key(), maxTargets)
			}
			if n <= maxTargets && s.filled(item, &name) {
				list = append(list, name)
				s.l.references = append(s.l.references, reference{s, name, told})
			}
		})
	}
	*to = list
}

// hookSetter returns the setter of a hook.
func hookSetter(of func(*Hooks) *[]string) setter[draft] {
	return func(s spot, v any, to *draft) { s.targets(v, false, of(&to.Hooks)) }
}

// setPing reads a URL that is told of each run.
func setPing(s spot, v any, to *draft) {
	url := ""
	if !s.filled(v, &url) {
		return
	}
	if strings.Contains(url, "{{") {
		s.wrong("it is called as it is, but for /start, /fail or the exit code added to its path", "ping cannot hold a template")
		return
	}
	for _, p := range (&runner.HTTP{URL: url}).Check() {
		s.wrong(`such as "https://hc-ping.com/…"`, "%s", strings.Replace(p.Msg, "url", "ping", 1))
		return
	}
	to.Ping = url
}

// setExpectWithin reads how old the last success may be.
func setExpectWithin(s spot, v any, to *draft) {
	d := time.Duration(0)
	if !s.duration(v, &d) {
		return
	}
	if d < time.Second {
		s.wrong("", "%s has to be 1s or more", s.name())
		return
	}
	to.ExpectSuccessWithin = d
}

// refer checks that what the hooks name is there, and that no hooks start each
// other for ever.
func (l *loader) refer() {
	for _, r := range l.references {
		task, isTask := RunHook(r.name)
		switch {
		case isTask && r.told:
			r.at.wrong("name one of [notify.NAME]", "%s starts no task", r.at.key())
		case isTask:
			if _, ok := l.tasks[task]; !ok {
				r.at.wrong(meant(l, "run:", task, l.tasks, fmt.Sprintf("add [tasks.%s]", tomlKey(task))), "there is no task %q", task)
			}
		default:
			if _, ok := l.notes[r.name]; !ok {
				hint := fmt.Sprintf("add [notify.%s]", tomlKey(r.name))
				if _, ok := l.tasks[r.name]; ok && !r.told {
					hint = fmt.Sprintf("to start the task write %q", "run:"+r.name)
				}
				r.at.wrong(meant(l, "", r.name, l.notes, hint), "there is no [notify.%s]", tomlKey(r.name))
			}
		}
	}
	l.circles()
}

// key is the innermost key here.
func (s spot) key() string {
	for _, step := range slices.Backward(s.path) {
		if key, ok := step.(string); ok {
			return key
		}
	}
	return ""
}

// meant is the hint for a name that is not among the user's own: the one that is
// near, with what stands before it, or else something other. It looks for one
// only so often, as there may be many names on both sides.
func meant[T any](l *loader, prefix, name string, known map[string]T, other string) string {
	if l.guesses++; l.guesses > maxGuesses || len(known) > maxNames {
		return other
	}
	near := suggest.Nearest(name, slices.Collect(maps.Keys(known)))
	if near == "" {
		return other
	}
	return fmt.Sprintf("did you mean %q?", prefix+near)
}

// circles complains about tasks that start each other by hooks for ever.
func (l *loader) circles() {
	const (
		under = 1 // on the way that is being followed
		done  = 2
	)
	seen := map[string]int{}
	told := 0
	var way []string
	var visit func(name string)
	visit = func(name string) {
		hooks := l.config.Tasks[name].Hooks
		seen[name] = under
		way = append(way, name)
		hooks.each(func(key string, list *[]string) {
			for i, hook := range *list {
				next, ok := RunHook(hook)
				if _, known := l.config.Tasks[next]; !ok || !known {
					continue
				}
				switch seen[next] {
				case 0:
					visit(next)
				case under:
					if told++; told > maxCircles {
						continue
					}
					circle := append(slices.Clone(way[slices.Index(way, next):]), next)
					at, own := l.taskKey(name, key)
					hint := ""
					if !own {
						hint = fmt.Sprintf("give task %q %s = []", name, key)
					}
					if _, isList := at.value().([]any); isList {
						at = at.at(i)
					}
					at.wrong(hint, "tasks start each other for ever: %s", some(circle, " → "))
				}
			}
		})
		way = way[:len(way)-1]
		seen[name] = done
	}
	for _, name := range slices.Sorted(maps.Keys(l.config.Tasks)) {
		if seen[name] == 0 {
			visit(name)
		}
	}
}

// taskKey returns where the key of a task stands: in its own table, or in
// [defaults].
func (l *loader) taskKey(task, key string) (at spot, own bool) {
	s := l.tasks[task]
	if t, ok := s.value().(map[string]any); ok && t[key] != nil {
		return s.at(key), true
	}
	return spot{l: l, src: l.sources[0]}.at("defaults").at(key), false
}

// value is what stands here; nil if nothing does.
func (s spot) value() any {
	var v any = s.src.data
	for _, step := range s.path {
		switch step := step.(type) {
		case string:
			t, _ := v.(map[string]any)
			v = t[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}
