package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"rota/runner"
	"rota/schedule"
)

// Changes is what a reload changes.
type Changes struct {
	Added, Removed []string // names of tasks, sorted
	Changed        []Change // sorted by task
	Same           int      // how many tasks are unchanged
	Settings       []string // changed settings outside the tasks: "max_running", "queues.main"; see also [Changes.Restart]
}

// Change is what differs in a task that both configurations have.
type Change struct {
	Task     string
	Keys     []string // as written in the file; "triggers" for all the keys of triggers
	Detail   string   // "timeout 1h → 4h", "every day at 02:30 → Mon–Fri at 09:00"; only the key if the value is long or secret
	Triggers bool     // the triggers differ, so that the task gets a new next instant
}

// Diff returns what a reload from old to new changes.
func Diff(old, new *Config) Changes {
	c := Changes{Settings: settingsChanged(old, new)}
	d := differ{same: map[[2]any]bool{}, triggers: map[[2]schedule.Spec]string{}}
	for _, name := range slices.Sorted(maps.Keys(new.Tasks)) {
		if _, known := old.Tasks[name]; !known {
			c.Added = append(c.Added, name)
		} else if change := d.change(old, new, name); change.Keys == nil {
			c.Same++
		} else {
			c.Changed = append(c.Changed, change)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old.Tasks)) {
		if _, kept := new.Tasks[name]; !kept {
			c.Removed = append(c.Removed, name)
		}
	}
	return c
}

// differ compares tasks. It compares values that many of them share only once.
type differ struct {
	same     map[[2]any]bool // by two pointers to values
	triggers map[[2]schedule.Spec]string
}

// change returns how the task with a name differs in two files; no keys: not at all.
func (d differ) change(old, new *Config, name string) Change {
	before, now := old.Tasks[name], new.Tasks[name]
	c := Change{Task: name, Triggers: !sameTriggers(before.triggers, now.triggers)}
	alike := d.alike(before, now)
	if alike && !c.Triggers && sameAction(before.action, now.action) {
		return c
	}
	var details []string
	differs := func(key, detail string) {
		c.Keys = append(c.Keys, key)
		details = append(details, detail)
	}
	var was, is Task
	if !alike {
		was, is = old.Tasks.Get(name), new.Tasks.Get(name)
	}
	for i := range taskKeys {
		if i == len(aboutKeys)+len(afterKeys) { // as in fields
			if c.Triggers {
				differs(severalTriggers.Name, d.triggersChanged(before.triggers, now.triggers))
			}
			if old, new := runner.ActionName(before.action), runner.ActionName(now.action); old != new {
				differs(new, old+" → "+new)
			} else if !sameAction(before.action, now.action) {
				differs(new, new)
			}
		}
		if alike {
			continue
		}
		k := &taskKeys[i]
		before, now := field{value: k.get(&was)}, field{value: k.get(&is)}
		if equalValues(before.value, now.value) {
			continue
		}
		detail := k.Name
		if old, new := before.short(), now.short(); !k.keyOnly && len(old) <= 32 && len(new) <= 32 {
			detail = fmt.Sprintf("%s %s → %s", k.Name, old, new)
		}
		differs(k.Name, detail)
	}
	c.Detail = strings.Join(details, ", ")
	return c
}

// alike reports whether all keys of two tasks have the same values, but for their triggers
// and actions. If it does not, they may still have the same canonical form.
func (d differ) alike(a, b *packed) bool {
	return a.description == b.description &&
		alike(d, a.policy, b.policy, func(*runner.Policy) {}) &&
		alike(d, a.process, b.process, func(p *runner.Process) { p.DropEnv = nil }) && // it is of other tasks
		alike(d, a.data, b.data, func(v *runner.Data) { v.Zone = "" }) && // it is of the triggers
		alike(d, a.account, b.account, func(*Account) {})
}

// alike compares two values, but for what ignore removes from both.
func alike[T any](d differ, a, b *T, ignore func(*T)) bool {
	pair := [2]any{a, b}
	same, known := d.same[pair]
	if !known {
		x, y := *a, *b
		ignore(&x)
		ignore(&y)
		same = reflect.DeepEqual(&x, &y)
		d.same[pair] = same
	}
	return same
}

// triggersChanged describes how the single trigger of a task changed. For several
// triggers it returns only "triggers".
func (d differ) triggersChanged(was, is []schedule.Spec) string {
	if len(was) != 1 || len(is) != 1 {
		return "triggers"
	}
	pair := [2]schedule.Spec{was[0], is[0]}
	text, known := d.triggers[pair]
	if !known {
		text = triggerChanged(was[0], is[0])
		d.triggers[pair] = text
	}
	return text
}

func triggerChanged(was, is schedule.Spec) string {
	old, new := was.String(), is.String()
	if old == new {
		return fmt.Sprintf("timezone %s → %s", was.Zone(), is.Zone())
	}
	kind, a, _ := strings.Cut(old, " ")
	if k, b, _ := strings.Cut(new, " "); kind == "interval" && k == kind {
		return fmt.Sprintf("interval %s → %s", a, b)
	}
	if old, new = was.Explain(), is.Explain(); old == new || len(old)+len(new) > 120 {
		return "triggers"
	}
	return old + " → " + new
}

// settingsChanged returns the names of the settings outside the tasks that differ.
func settingsChanged(old, new *Config) (list []string) {
	for _, sec := range sections {
		if sec.changed != nil {
			list = append(list, sec.changed(old, new)...)
		}
	}
	return list
}

// Restart returns the names of the settings that differ and take effect only when rota is
// started again.
func (c Changes) Restart() []string {
	var list []string
	for _, key := range c.Settings {
		if k := find(rotaTable.keys, key); k != nil && k.restart {
			list = append(list, key)
		}
	}
	return list
}

// Empty reports whether the reload changes nothing.
func (c Changes) Empty() bool {
	return len(c.Added)+len(c.Removed)+len(c.Changed)+len(c.Settings) == 0
}

// String returns the changes on one line: "1 added (tidy), 1 changed (sync:
// timeout 1h → 4h), 6 same".
func (c Changes) String() string {
	var parts []string
	part := func(what, sep string, items []string) {
		if len(items) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s (%s)", len(items), what, firstFew(items, sep)))
		}
	}
	part("added", ", ", c.Added)
	part("removed", ", ", c.Removed)
	var changed []string
	for _, ch := range c.Changed {
		changed = append(changed, ch.Task+": "+ch.Detail)
	}
	part("changed", "; ", changed)
	if c.Same > 0 || len(parts) == 0 {
		parts = append(parts, fmt.Sprintf("%d same", c.Same))
	}
	s := strings.Join(parts, ", ")
	if len(c.Settings) > 0 {
		s += "; settings: " + strings.Join(c.Settings, ", ")
		switch wait := c.Restart(); len(wait) {
		case 0:
		case 1:
			s += fmt.Sprintf(" (%s needs a restart)", wait[0])
		default:
			s += fmt.Sprintf(" (%s need a restart)", enumerate(wait))
		}
	}
	return s
}

// firstFew joins the first few of many items and counts the rest.
func firstFew(items []string, sep string) string {
	const most = 6
	if len(items) <= most {
		return strings.Join(items, sep)
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:most], sep), len(items)-most)
}
