package config

import (
	"fmt"
	"maps"
	"slices"

	"rota/internal/suggest"
)

const (
	maxTargets = 32     // targets of one hook
	maxCycles  = 10     // cycles that are reported
	maxGuesses = 100    // unknown names that get a suggestion
	maxNames   = 10_000 // known names that an unknown one is compared with
)

// reference is a location that names a notification or a task, which may be
// defined later or in another file.
type reference struct {
	at         location
	name       string
	onlyNotify bool // the name must be that of a notification
	task       bool // the name must be that of a task
}

// targets reads names of notifications or "run:TASK". An empty list is valid: it
// overrides the list of [defaults].
func (loc location) targets(v any, onlyNotify bool, to *[]string) {
	var list []string
	if items, ok := v.([]any); !ok || len(items) > 0 {
		n := 0
		loc.each(v, func(loc location, item any) {
			name := ""
			if n++; n == maxTargets+1 {
				loc.valueError("start one task that notifies them all", "%s has more than %d items", loc.key(), maxTargets)
			}
			if n <= maxTargets && loc.filled(item, &name) {
				list = append(list, name)
				loc.l.references = append(loc.l.references, reference{at: loc, name: name, onlyNotify: onlyNotify})
			}
		})
	}
	*to = list
}

// checkReferences checks that all notifications and tasks that keys name exist, and
// that tasks do not start each other in a cycle.
func (l *loader) checkReferences() {
	for _, r := range l.references {
		task, isTask := RunHook(r.name)
		switch {
		case r.task:
			if _, ok := l.tasks[r.name]; !ok {
				r.at.valueError(suggestName(l, "", r.name, l.tasks, fmt.Sprintf("add [tasks.%s]", tomlKey(r.name))), "unknown task %q", r.name)
			}
		case isTask && r.onlyNotify:
			r.at.valueError("name one of [notify.NAME]", "%s cannot start a task", r.at.key())
		case isTask:
			if _, ok := l.tasks[task]; !ok {
				r.at.valueError(suggestName(l, "run:", task, l.tasks, fmt.Sprintf("add [tasks.%s]", tomlKey(task))), "unknown task %q", task)
			}
		default:
			if _, ok := l.notes[r.name]; !ok {
				hint := fmt.Sprintf("add [notify.%s]", tomlKey(r.name))
				if _, ok := l.tasks[r.name]; ok && !r.onlyNotify {
					hint = fmt.Sprintf("to start the task write %q", "run:"+r.name)
				}
				r.at.valueError(suggestName(l, "", r.name, l.notes, hint), "unknown notification [notify.%s]", tomlKey(r.name))
			}
		}
	}
	l.config.runAfter = followersOf(l.config.Tasks)
	if starts := func(r reference) bool { _, ok := RunHook(r.name); return ok }; len(l.config.runAfter) > 0 || slices.ContainsFunc(l.references, starts) {
		l.checkCycles()
	}
}

// key returns the innermost key of the location.
func (loc location) key() string {
	for _, step := range slices.Backward(loc.path) {
		if key, ok := step.(string); ok {
			return key
		}
	}
	return ""
}

// suggestName returns the hint for an unknown name: the most similar known name, with
// the prefix, or else the other hint. It searches only maxGuesses times, as there may
// be many names on both sides.
func suggestName[T any](l *loader, prefix, name string, known map[string]T, other string) string {
	if l.guesses++; l.guesses > maxGuesses || len(known) > maxNames {
		return other
	}
	near := suggest.Nearest(name, slices.Collect(maps.Keys(known)))
	if near == "" {
		return other
	}
	return fmt.Sprintf("did you mean %q?", prefix+near)
}

// checkCycles complains about tasks that start each other in a cycle.
func (l *loader) checkCycles() {
	const (
		open = 1 // on the path that is being followed
		done = 2
	)
	seen := map[string]int{}
	reported := 0
	var way []string
	var visit func(name string)
	// follow visits task next, which is started by the key of task of.
	follow := func(next, of, key string, i int) {
		switch seen[next] {
		case 0:
			visit(next)
		case open:
			if reported++; reported > maxCycles {
				return
			}
			cycle := append(slices.Clone(way[slices.Index(way, next):]), next)
			at, own := l.taskKey(of, key)
			hint, what := "", "hooks form a cycle"
			switch {
			case key == afterKey:
				what = "tasks start each other in a cycle"
			case !own:
				hint = fmt.Sprintf("give task %q %s = []", of, key)
			}
			if _, isList := at.value().([]any); isList {
				at = at.at(i)
			}
			at.valueError(hint, "%s: %s", what, firstFew(cycle, " → "))
		}
	}
	visit = func(name string) {
		hooks := l.config.Tasks.Get(name).Hooks
		seen[name] = open
		way = append(way, name)
		hooks.each(func(key string, list *[]string) {
			for i, hook := range *list {
				next, ok := RunHook(hook)
				if _, known := l.config.Tasks[next]; ok && known {
					follow(next, name, key, i)
				}
			}
		})
		for _, next := range l.config.runAfter[name] {
			follow(next, next, afterKey, slices.Index(l.config.Tasks.Get(next).After, name))
		}
		way = way[:len(way)-1]
		seen[name] = done
	}
	for _, name := range slices.Sorted(maps.Keys(l.config.Tasks)) {
		if seen[name] == 0 {
			visit(name)
		}
	}
}

// taskKey returns the location of a task's key: in its own table, or in
// [defaults].
func (l *loader) taskKey(task, key string) (at location, own bool) {
	loc := l.tasks[task]
	if t, ok := loc.value().(map[string]any); ok && t[key] != nil {
		return loc.at(key), true
	}
	return location{l: l, src: l.sources[0]}.at("defaults").at(key), false
}

// value returns the value at the location; nil if the source has none.
func (loc location) value() any {
	var v any = loc.src.data
	for _, step := range loc.path {
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
