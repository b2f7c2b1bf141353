package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// each calls do for a value, or for each item of a list that is not empty.
func (loc location) each(v any, do func(loc location, item any)) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			do(loc.at(i), item)
		}
		if len(v) == 0 {
			loc.valueError("remove it, or give it a value", "%s is an empty list", loc.name())
		}
	case []map[string]any:
		for i, item := range v {
			do(loc.at(i), item)
		}
	default:
		do(loc, v)
	}
}

// texts reads a text or a list of texts, none of them empty.
func (loc location) texts(v any, to *[]string) bool {
	return loc.textsLike(v, to, func(string) bool { return true }, "", "")
}

// textsLike reads a text or a list of texts, each of which must satisfy like. For each
// that does not, it adds a complaint with the words not and a hint.
func (loc location) textsLike(v any, to *[]string, like func(string) bool, not, hint string) bool {
	var list []string
	whole := true
	loc.each(v, func(loc location, item any) {
		t := ""
		switch {
		case !loc.filled(item, &t):
			whole = false
		case !like(t):
			whole = false
			loc.valueError(hint, "%q %s", t, not)
		default:
			list = append(list, t)
		}
	})
	if !whole || list == nil {
		return false
	}
	*to = list
	return true
}

// table reads the keys of a table in order.
func (loc location) table(v any, do func(loc location, key string, v any)) bool {
	t, ok := v.(map[string]any)
	if !ok {
		return loc.mismatch(v, "a table", loc.tableExample())
	}
	for _, key := range slices.Sorted(maps.Keys(t)) {
		do(loc.at(key), strings.Clone(key), t[key]) // as in text
	}
	return true
}

// tableExample returns an example of how to write the table here.
func (loc location) tableExample() string {
	last := loc.path[len(loc.path)-1]
	switch named := loc.path[0] == "tasks" || loc.path[0] == "queues"; {
	case named && len(loc.path) == 1:
		return fmt.Sprintf("[%s.NAME]", last)
	case named && len(loc.path) == 2:
		return fmt.Sprintf("[%s.%s]", loc.path...)
	case len(loc.path) == 1:
		return fmt.Sprintf("[%s]", last)
	}
	if key, ok := last.(string); ok {
		return key + " = { … }"
	}
	return "{ … }"
}

// unknown complains about a key that the table does not have.
func (loc location) unknown(key string, known []string, where string) {
	hint := didYouMean(key, known)
	if hint == "" && len(known) <= 9 {
		hint = "known here: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
	}
	loc.keyError(hint, "unknown key %q in %s", key, where)
}
