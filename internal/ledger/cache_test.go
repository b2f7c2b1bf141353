package ledger

import (
	"context"
	"reflect"
	"testing"
)

// TestTaskCache: values that a commit changes during a read are read again, and unchanged
// ones are not.
func TestTaskCache(t *testing.T) {
	m := newTaskCache[int]()
	book := map[string]int{"a": 1, "b": 2}
	var asked []string
	meanwhile := func() {}
	ask := func(what string, want map[string]int, reads []string, tasks ...string) {
		t.Helper()
		asked = nil
		got, err := m.get(t.Context(), tasks, func(_ context.Context, tasks ...string) (map[string]int, error) {
			asked = tasks
			found := map[string]int{}
			for task, n := range book {
				found[task] = n
			}
			meanwhile()
			return found, nil
		})
		if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(asked, reads) {
			t.Errorf("%s: %v, %v; reads %v, want %v", what, got, err, asked, reads)
		}
	}
	ask("nothing is known", map[string]int{"a": 1}, []string{"a", "none"}, "a", "none")
	ask("some is known", map[string]int{"a": 1, "b": 2}, []string{"b"}, "a", "b", "none")
	ask("all is known", map[string]int{"a": 1, "b": 2}, nil, "a", "b", "none")
	book["a"] = 3
	m.invalidate("a")
	meanwhile = func() { book["a"] = 4; m.invalidate("a") }
	ask("it changes while it is read", map[string]int{"a": 3, "b": 2}, []string{"a"}, "a", "b")
	meanwhile = func() { book["b"] = 5; m.invalidate() }
	ask("any may have changed", map[string]int{"a": 4}, []string{"a"}, "a")
	meanwhile = func() {}
	ask("all is read again", map[string]int{"a": 4, "b": 5}, []string{"a", "b"}, "a", "b")
	ask("and known", map[string]int{"a": 4, "b": 5}, nil, "a", "b")
}
