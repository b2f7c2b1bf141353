package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rota/runner"
	"rota/schedule"
)

// Each key says in full sentences what it means, and each table has the keys that
// it needs.
func TestKeysAreDocumented(t *testing.T) {
	for _, table := range Tables() {
		var names []string
		for key := range table.Keys() {
			names = append(names, key.Name)
			if !strings.HasSuffix(key.Text, ".") {
				t.Errorf("[%s] %s: what it means is %q", table.Name, key.Name, key.Text)
			}
		}
		for _, name := range table.Required {
			if !slices.Contains(names, name) {
				t.Errorf("[%s] needs %s, which it does not have", table.Name, name)
			}
		}
	}
}

// Package schedule reads the keys of triggers that are documented here, and no
// others.
func TestTriggerKeys(t *testing.T) {
	read := slices.Sorted(slices.Values(schedule.TriggerKeys()))
	documented := slices.Sorted(slices.Values(triggerNames))
	if !slices.Equal(read, documented) {
		t.Errorf("read are %q, documented %q", read, documented)
	}
}

// Each action that runs a task is the runner's, under the same name.
func TestActionNames(t *testing.T) {
	if got, want := slices.Sorted(slices.Values(actionNames(actions))), slices.Sorted(maps.Keys(runner.Actions)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// samples are values of each kind, which mean nothing.
var samples = []struct {
	kind, value string
	of          func(Type) bool
}{
	{"a string", `"\u0001"`, func(t Type) bool { return t.Text }},
	{"a number", `-999999`, func(t Type) bool { return t.Number }},
	{"a fraction", `1.5`, func(t Type) bool { return t.Fraction }},
	{"true", `true`, func(t Type) bool { return t.Truth }},
	{"a time", `2026-12-24T18:00:00`, func(t Type) bool { return t.Time }},
	{"a table", `{ x = {} }`, func(t Type) bool { return t.Table != "" || t.Named != nil }},
	{"a list", `["\u0001", "\u0001"]`, func(t Type) bool { return t.List != nil }},
}

// A key accepts the types that the documentation names, and no others.
func TestTypesAreAsDocumented(t *testing.T) {
	testKeys(t, rotaTable)
	testKeys(t, webTable)
	testKeys(t, tokenTable)
	testKeys(t, proxyTable)
	testKeys(t, smtpTable)
	testKeys(t, historyTable)
	testKeys(t, notifyTable)
	testKeys(t, webhookTable)
	testKeys(t, queueTable)
	testKeys(t, &table[Task]{name: "tasks.NAME", keys: taskKeys})
	testKeys(t, retryTable)
	testKeys(t, keepTable)
	testKeys(t, limitTable)
	testKeys(t, logTable)
	testKeys(t, httpTable)
	testKeys(t, writeTable)
	testKeys(t, cleanTable)
	testKeys(t, mailTable)
	for _, a := range slices.Concat(actions, notifyActions) {
		testKey(t, a.Name, a.Key, func(loc location, v any) { a.read(loc, v) })
	}
	for _, k := range triggerKeys {
		testKey(t, "tasks.NAME.triggers", k, readTrigger)
	}
}

func testKeys[T any](t *testing.T, table *table[T]) {
	for _, k := range table.keys {
		testKey(t, table.name, k.Key, func(loc location, v any) {
			to := table.initial
			if l, ok := any(&to).(*loader); ok {
				*l = *loc.l
			}
			k.set(loc, v, &to)
		})
	}
}

// readTrigger reads a key of a trigger beside those that it may need.
func readTrigger(loc location, v any) {
	name := loc.key()
	var complaints []complaint
	for _, beside := range []map[string]any{{}, {"interval": "1h"}, {"at": "09:00"}, {"cron": "0 9 * * *"}, {"at": "09:00", "jitter": "5m"}, {"at": "09:00", "starts": "2030-01-01"}, {"at": "09:00", "except": "12-25"}} {
		loc.l.complaints = nil
		keys := map[string]any{name: v}
		for other, value := range beside {
			if other != name {
				keys[other] = value
			}
		}
		d := newTaskBuilder()
		loc.src.data = keys
		location{l: loc.l, src: loc.src}.trigger(keys, &d)
		if complaints = loc.l.complaints; complaints == nil {
			return
		}
	}
}

// testKey holds what a key reads against its documentation.
func testKey(t *testing.T, table string, k Key, read func(loc location, v any)) {
	t.Helper()
	try := func(value string, want bool) {
		t.Helper()
		said, fault, _ := decode(k.Name + " = " + value)
		if fault != nil {
			t.Fatalf("%s = %s: %s", k.Name, value, fault.Msg)
		}
		l, err := newLoader("/etc/rota/jobs.toml", Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		l.open(l.config.Path, l.given, k.Name+" = "+value, nil)
		read(location{l: l, src: l.sources[0]}.at(k.Name), said[k.Name])
		var faults []string
		for _, c := range l.complaints {
			faults = append(faults, c.Msg)
		}
		if (faults == nil) != want {
			t.Errorf("[%s] %s = %s: %q", table, k.Name, value, faults)
		}
	}
	for _, value := range k.Examples {
		try(value, true)
	}
	if k.Default != "" {
		try(k.Default, true)
	}
	for _, word := range k.Type.Words {
		try(quote(word), true)
	}
	for form, of := range map[string]*Type{"%s": &k.Type, "[%s]": k.Type.List} {
		if of == nil {
			continue
		}
		for _, s := range samples {
			if !s.of(*of) {
				try(fmt.Sprintf(form, s.value), false)
			}
		}
		if of.Number && of.Max != 0 {
			for _, n := range []int{of.Min, of.Max} {
				try(fmt.Sprintf(form, fmt.Sprint(n)), true)
			}
			for _, n := range []int{of.Min - 1, of.Max + 1} { // one more than the largest is the smallest
				try(fmt.Sprintf(form, fmt.Sprint(n)), false)
			}
		}
	}
}
