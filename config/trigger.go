package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"rota/schedule"
)

// triggers reads the trigger of a task from the keys in its table, or all triggers
// from its list.
func (l *loader) triggers(loc location, task map[string]any, d *taskBuilder) {
	single := map[string]any{}
	for key, v := range task {
		if slices.Contains(triggerNames, key) {
			single[key] = v
		}
	}
	list, several := task["triggers"]
	switch {
	case several && len(single) > 0:
		loc.at("triggers").keyError("put all triggers into triggers = [ {…}, {…} ]", "task %s has both triggers and %s", quote(d.Name), slices.Min(slices.Collect(maps.Keys(single))))
	case len(single) > 0 && !schedule.IsTrigger(slices.Collect(maps.Keys(single))):
		loc.unusedTriggerKeys(single)
	case len(single) > 0:
		loc.trigger(single, d)
	case several:
		loc := loc.at("triggers")
		if _, one := list.(map[string]any); one {
			loc.mismatch(list, "a list of tables", "triggers = [ {…}, {…} ]")
			return
		}
		loc.each(list, func(loc location, item any) {
			unsure := false
			isTable := loc.table(item, func(loc location, key string, v any) {
				if !slices.Contains(triggerNames, key) {
					unsure = true
					loc.unknown(key, triggerNames, "a trigger of task "+quote(d.Name))
				}
			})
			if isTable && !unsure {
				loc.trigger(item.(map[string]any), d)
			}
		})
	}
	if !d.Enabled {
		d.Triggers = nil
	}
}

// trigger reads one trigger of the task and adds it. In a list of cron lines each line
// is a trigger, and the other keys apply to all of them.
func (loc location) trigger(keys map[string]any, d *taskBuilder) {
	texts, items, first, ok := loc.triggerTexts(keys)
	if !ok {
		return
	}
	lines, places := texts["cron"], items["cron"]
	for i := range max(1, len(lines)) {
		if lines != nil {
			texts["cron"], items["cron"] = lines[i:i+1], places[i:i+1]
		}
		loc.addTrigger(keys, first, texts, items, i > 0, d)
	}
}

// unusedTriggerKeys warns of trigger keys, such as between, of a task without a trigger,
// on which they have no effect. It also complains about values that are not valid.
func (loc location) unusedTriggerKeys(keys map[string]any) {
	texts, items, first, ok := loc.triggerTexts(keys)
	if !ok {
		return
	}
	key, value := "interval", "1h" // most of them go with an interval
	if texts["every"] != nil || texts["on_except"] != nil {
		key, value = "at", "08:00"
	}
	texts[key] = []string{value}
	_, faults := schedule.Parse(texts, loc.l.config.Rota.Timezone)
	for _, f := range faults {
		loc.triggerFault(keys, first, items, f, false)
	}
	for _, key := range triggerNames {
		if _, ok := keys[key]; ok && len(faults) == 0 {
			loc.l.add(complaint{location: loc.at(key), onKey: true, Fault: Fault{
				Msg: key + " has no effect on a task without a trigger", Hint: "add interval, weekday, monthday, at, cron or once, or remove it", Warning: true,
			}})
		}
	}
}

// triggerTexts returns the values of a trigger's keys as texts for package schedule,
// the index of each in its list, and the first of the keys. It returns false if a
// value has a kind that no key takes.
func (loc location) triggerTexts(keys map[string]any) (texts schedule.Keys, items map[string][]int, first string, ok bool) {
	texts, items, ok = schedule.Keys{}, map[string][]int{}, true
	for _, key := range triggerNames {
		v, given := keys[key]
		if !given {
			continue
		}
		if first == "" {
			first = key
		}
		if isList(v) && !takesList(key) {
			loc.at(key).valueError("write the value without brackets; for several triggers write triggers = [ {…}, {…} ]", "%s takes one value, not a list", key)
			ok = false
			continue
		}
		loc.at(key).each(v, func(loc location, item any) {
			t, isText := triggerText(item)
			if !isText {
				ok = loc.mismatch(item, "a string, a whole number or a time", "")
				return
			}
			several := []string{t}
			if path, isFile := strings.CutPrefix(t, "file:"); isFile && key == "except" {
				several = loc.dates(path)
			}
			i, _ := loc.path[len(loc.path)-1].(int)
			for _, t := range several {
				texts[key] = append(texts[key], t)
				items[key] = append(items[key], i)
			}
		})
		if list, isList := v.([]any); isList && len(list) == 0 {
			ok = false
		}
	}
	return texts, items, first, ok
}

// addTrigger adds the trigger that the texts describe. If more is set, the trigger is
// another line of a list, and addTrigger reports only faults of that line; the others
// have been reported.
func (loc location) addTrigger(keys map[string]any, first string, texts schedule.Keys, items map[string][]int, more bool, d *taskBuilder) {
	report := func(f schedule.Fault, warning bool) {
		if more && f.Key != "cron" {
			return
		}
		loc.triggerFault(keys, first, items, f, warning)
	}
	known := keyOf(texts)
	spec, ok := loc.l.specs[known]
	if ok { // in many files, most triggers are like another one
		d.Triggers = append(d.Triggers, spec)
		return
	}
	spec, faults := schedule.Parse(texts, loc.l.config.Rota.Timezone)
	for _, f := range faults {
		report(f, false)
	}
	if len(faults) > 0 {
		return
	}
	warned := len(loc.l.complaints)
	for _, f := range spec.Warnings() {
		report(f, true)
	}
	if k := spec.Kind(); k != schedule.AtStart && spec.Next(loc.l.o.Now).IsZero() {
		f := schedule.Fault{Key: first, Msg: "this is in the past and never comes due"}
		if _, ends := keys["ends"]; k == schedule.Interval && !ends {
			f.Msg, f.Hint = "counted from now, no slot of this interval falls on its days and hours", "give the first slot as starts, or another interval"
		}
		report(f, true)
	}
	if len(spec.Warnings()) == 0 && len(loc.l.complaints) == warned {
		loc.l.specs[known] = spec
	}
	d.Triggers = append(d.Triggers, spec)
}

// keyOf returns the texts of a trigger as one, which is another for each trigger.
func keyOf(texts schedule.Keys) string {
	var b []byte
	for _, key := range triggerNames {
		for _, text := range texts[key] {
			b = strconv.AppendInt(append(b, key...), int64(len(text)), 10)
			b = append(append(b, ' '), text...)
		}
	}
	return string(b)
}

// isList reports whether a value is a list, of tables or of anything else.
func isList(v any) bool {
	switch v.(type) {
	case []any, []map[string]any:
		return true
	}
	return false
}

// triggerFault adds a fault of package schedule as a complaint at the key and value
// that it names, or at the trigger's first key.
func (loc location) triggerFault(keys map[string]any, first string, items map[string][]int, f schedule.Fault, warning bool) {
	if from := items[f.Key]; f.Index < len(from) {
		f.Index = from[f.Index]
	}
	c := complaint{location: loc, Fault: Fault{Msg: f.Msg, Hint: f.Hint, Warning: warning}, part: span{f.Start, f.End}}
	v, ok := keys[f.Key]
	switch {
	case !ok && first != "":
		c.location, c.onKey = loc.at(first), true
	case ok:
		c.location = loc.at(f.Key)
		if list, isList := v.([]any); isList && f.Index < len(list) {
			c.location = c.at(f.Index)
			v = list[f.Index]
		}
		if _, isText := v.(string); !isText {
			c.part = span{}
		}
	}
	loc.l.add(c)
}

// triggerText returns a value as text for package schedule. The decoder marks TOML's
// local times by the name of their zone only.
func triggerText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return strings.Clone(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case bool:
		return strconv.FormatBool(v), true
	case time.Time:
		layout := time.RFC3339Nano
		switch v.Location().String() {
		case "datetime-local":
			layout = "2006-01-02T15:04:05.999999999"
		case "date-local":
			layout = time.DateOnly
		case "time-local":
			layout = "15:04:05.999999999"
		}
		return v.Format(layout), true
	}
	return "", false
}
