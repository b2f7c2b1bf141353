package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"rota/runner"
	"rota/schedule"
)

// field is one key of a task in its canonical form: with defaults applied and
// paths absolute, so that two tasks that do the same look the same.
type field struct {
	key     string
	value   any  // of a kind that encoding/json can write
	keyOnly bool // long or secret: a list of changes shows the key alone
	show    func(*Task) string
}

// fields returns the canonical form of a task: all fields in which two tasks can differ.
// DropEnv is omitted: it follows from other tasks.
func (t *Task) fields() []field {
	list := make([]field, 0, len(taskKeys)+2)
	for _, k := range taskKeys {
		list = append(list, field{k.Name, k.get(t), k.keyOnly, k.show})
	}
	return slices.Insert(list, len(aboutKeys)+len(afterKeys),
		field{severalTriggers.Name, t.triggerTexts(), true, showTriggers},
		field{runner.ActionName(t.Action), t.Action, true, showAction},
	)
}

// triggerTexts returns the text of each trigger, with its zone.
func (t Task) triggerTexts() []string {
	texts := make([]string, len(t.Triggers))
	for i, spec := range t.Triggers {
		texts[i] = fmt.Sprintf("%s (%s)", spec, spec.Zone())
	}
	return texts
}

// text returns the value as it is shown and compared.
func (f field) text() string {
	text, err := json.Marshal(f.value)
	if err != nil {
		panic(err) // no field has a value that JSON cannot write
	}
	return string(text)
}

// short returns the value for a list of changes.
func (f field) short() string {
	text := f.text()
	if plain, err := strconv.Unquote(text); err == nil {
		text = plain
	}
	if text == "" || text == "null" {
		return "none"
	}
	return text
}

func sameAction(a, b runner.Action) bool {
	return runner.ActionName(a) == runner.ActionName(b) && equalValues(a, b)
}

// sameTriggers reports whether two tasks have triggers of the same texts and zones.
func sameTriggers(a, b []schedule.Spec) bool {
	return slices.EqualFunc(a, b, func(a, b schedule.Spec) bool {
		return a.String() == b.String() && (a.Zone() == b.Zone() || a.Zone().String() == b.Zone().String())
	})
}

// equalValues reports whether two values of one key have one canonical form. That is
// written only if they do not look the same: most do.
func equalValues(a, b any) bool {
	if t := reflect.TypeOf(a); t == reflect.TypeOf(b) && (t == nil || t.Kind() <= reflect.Float64 || t.Kind() == reflect.String) {
		return a == b
	}
	return reflect.DeepEqual(a, b) || field{value: a}.text() == field{value: b}.text()
}

// formatSize writes a number of bytes with the largest unit that divides it.
func formatSize(n int64) string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if size := units[unit]; n >= size && n%size == 0 {
			return fmt.Sprintf("%d%s", n/size, unit)
		}
	}
	return fmt.Sprintf("%dB", n)
}
