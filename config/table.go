package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// each calls do for a value, or for each item of a list that is not empty.
func (s location) each(v any, do func(s location, item any)) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			do(s.at(i), item)
		}
		if len(v) == 0 {
			s.valueError("leave it out, or say what it is", "%s is an empty list", s.name())
		}
	case []map[string]any:
		for i, item := range v {
			do(s.at(i), item)
		}
	default:
		do(s, v)
	}
}

// texts reads a text or a list of texts, none of them empty.
func (s location) texts(v any, to *[]string) bool {
	return s.textsLike(v, to, func(string) bool { return true }, "", "")
}

// textsLike reads a text or a list of texts, all of which have to be alike; else
// it complains what they are not, with a hint.
func (s location) textsLike(v any, to *[]string, like func(string) bool, not, hint string) bool {
	var list []string
	whole := true
	s.each(v, func(s location, item any) {
		t := ""
		switch {
		case !s.filled(item, &t):
			whole = false
		case !like(t):
			whole = false
			s.valueError(hint, "%q %s", t, not)
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
func (s location) table(v any, do func(s location, key string, v any)) bool {
	t, ok := v.(map[string]any)
	if !ok {
		return s.mismatch(v, "a table", s.tableExample())
	}
	for _, key := range slices.Sorted(maps.Keys(t)) {
		do(s.at(key), key, t[key])
	}
	return true
}

// tableExample is how the table here is written.
func (s location) tableExample() string {
	last := s.path[len(s.path)-1]
	switch named := s.path[0] == "tasks" || s.path[0] == "queues"; {
	case named && len(s.path) == 1:
		return fmt.Sprintf("[%s.NAME]", last)
	case named && len(s.path) == 2:
		return fmt.Sprintf("[%s.%s]", s.path...)
	case len(s.path) == 1:
		return fmt.Sprintf("[%s]", last)
	}
	if key, ok := last.(string); ok {
		return key + " = { … }"
	}
	return "{ … }"
}

// unknown complains of a key that a table does not have.
func (s location) unknown(key string, known []string, where string) {
	hint := didYouMean(key, known)
	if hint == "" && len(known) <= 9 {
		hint = "known here: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
	}
	s.keyError(hint, "unknown key %q in %s", key, where)
}
