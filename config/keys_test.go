package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rota/schedule"
)

// known are the keys that are read, by the table that documents them.
func known() map[string][]string {
	return map[string][]string{
		"":                    slices.Collect(maps.Keys(tables)),
		"rota":                slices.Collect(maps.Keys(rotaKeys)),
		"web":                 slices.Collect(maps.Keys(webKeys)),
		"web.tokens.NAME":     slices.Collect(maps.Keys(tokenKeys)),
		"smtp":                slices.Collect(maps.Keys(smtpKeys)),
		"history":             slices.AppendSeq([]string{"total"}, maps.Keys(keepKeys)),
		"notify.NAME":         slices.AppendSeq([]string{"at_most_every"}, maps.Keys(ways)),
		"notify.NAME.webhook": slices.Collect(maps.Keys(webhookKeys)),
		"queues.NAME":         slices.Collect(maps.Keys(queueKeys)),
		"defaults":            slices.Collect(maps.Keys(taskKeys)),
		"tasks.NAME":          taskKeyNames(),
		"tasks.NAME.triggers": schedule.TriggerKeys(),
		"tasks.NAME.retry":    slices.Collect(maps.Keys(retryKeys)),
		"tasks.NAME.keep":     slices.Collect(maps.Keys(keepKeys)),
		"tasks.NAME.limits":   slices.Collect(maps.Keys(limitKeys)),
		"tasks.NAME.log":      slices.Collect(maps.Keys(logKeys)),
		"tasks.NAME.http":     slices.Collect(maps.Keys(httpKeys)),
		"tasks.NAME.write":    slices.Collect(maps.Keys(writeKeys)),
		"tasks.NAME.clean":    slices.Collect(maps.Keys(cleanKeys)),
		"tasks.NAME.mail":     slices.Collect(maps.Keys(mailKeys)),
	}
}

// Each key that is read is documented, and no other.
func TestKeysAreDocumented(t *testing.T) {
	read := known()
	for _, table := range Tables() {
		var keys []string
		for key := range table.All() {
			keys = append(keys, key.Name)
			if key.Text == "" || !strings.HasSuffix(key.Text, ".") {
				t.Errorf("[%s] %s: what it means is %q", table.Name, key.Name, key.Text)
			}
		}
		want := read[table.Name]
		delete(read, table.Name)
		slices.Sort(keys)
		slices.Sort(want)
		if !slices.Equal(keys, want) {
			t.Errorf("[%s]: documented are %q, read %q", table.Name, keys, want)
		}
	}
	for name := range read {
		t.Errorf("table %q is not documented", name)
	}
}

// samples are values of each kind, which mean nothing.
var samples = []struct {
	kind, value string
	of          func(Type) bool
}{
	{"a text", `"\u0001"`, func(t Type) bool { return t.Text }},
	{"a number", `-999999`, func(t Type) bool { return t.Number }},
	{"a fraction", `1.5`, func(t Type) bool { return t.Fraction }},
	{"true", `true`, func(t Type) bool { return t.Truth }},
	{"a time", `2026-12-24T18:00:00`, func(t Type) bool { return t.Time }},
	{"a table", `{ x = {} }`, func(t Type) bool { return t.Table != "" || t.Named != nil }},
	{"a list", `["\u0001", "\u0001"]`, func(t Type) bool { return t.List != nil }},
}

// What the documentation says that a key may be, it may be, and nothing else.
func TestTypesAreAsDocumented(t *testing.T) {
	for _, table := range Tables() {
		for key := range table.All() {
			for _, value := range key.Examples {
				if err := try(table.File(key, value)); err != nil {
					t.Errorf("[%s] %s = %s: %v", table.Name, key.Name, value, err)
				}
			}
			if key.Default != "" {
				if err := try(table.File(key, key.Default)); err != nil {
					t.Errorf("[%s] %s = %s, its default: %v", table.Name, key.Name, key.Default, err)
				}
			}
			refused(t, table, key, key.Type, "%s")
			if item := key.Type.List; item != nil {
				refused(t, table, key, *item, "[%s]")
			}
			for _, word := range key.Type.Words {
				if err := try(table.File(key, quote(word))); err != nil {
					t.Errorf("[%s] %s = %q, one of its words: %v", table.Name, key.Name, word, err)
				}
			}
		}
		for _, need := range table.Needs {
			if !slices.ContainsFunc(slices.Collect(table.All()), func(k Key) bool { return k.Name == need }) {
				t.Errorf("[%s] needs %s, which it does not have", table.Name, need)
			}
			text := fmt.Sprintf(table.Around, "")
			if err := try(text); err == nil {
				t.Errorf("nothing is missing in:\n%s", text)
			}
		}
	}
}

// refused checks that a key is not taken with values of another kind.
func refused(t *testing.T, table Table, key Key, of Type, form string) {
	for _, s := range samples {
		if s.of(of) {
			continue
		}
		value := fmt.Sprintf(form, s.value)
		err := try(table.File(key, value))
		wrong := (*Errors)(nil)
		if !errors.As(err, &wrong) || !slices.ContainsFunc(wrong.Faults, func(f Fault) bool { return strings.Contains(f.Text, key.Name) }) {
			t.Errorf("[%s] %s = %s, %s: %v", table.Name, key.Name, value, s.kind, err)
		}
	}
	if of.Number && of.Max != 0 {
		for _, n := range []int{of.Min, of.Max} {
			if err := try(table.File(key, fmt.Sprintf(form, fmt.Sprint(n)))); err != nil {
				t.Errorf("[%s] %s = %d: %v", table.Name, key.Name, n, err)
			}
		}
		for _, n := range []int{of.Min - 1, of.Max + 1} { // one more than the largest is the smallest
			if err := try(table.File(key, fmt.Sprintf(form, fmt.Sprint(n)))); err == nil {
				t.Errorf("[%s] %s = %d is taken", table.Name, key.Name, n)
			}
		}
	}
}

func try(text string) error {
	_, err := Parse("/etc/rota/jobs.toml", text, Options{
		Now:  now,
		Glob: func(string) ([]string, error) { return nil, nil },
	})
	return err
}
