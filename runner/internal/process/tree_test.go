package process

import (
	"maps"
	"slices"
	"testing"
)

// The members of a tree are its processes and their descendants, and no process that only
// has the number of one.
func TestDescendants(t *testing.T) {
	t.Parallel()
	p := func(pid, parent, group, session int, started uint64) Member {
		return Member{PID: pid, parent: parent, group: group, session: session, started: started}
	}
	for _, c := range []struct {
		what string
		tree tree
		all  []Member
		want []int
	}{
		{"the group and the session", tree{group: 10}, []Member{p(10, 5, 10, 10, 1), p(11, 1, 10, 7, 2), p(12, 1, 12, 10, 2), p(13, 1, 13, 13, 2)}, []int{10, 11, 12}},
		{"children of children, in any order", tree{group: 10}, []Member{p(14, 13, 14, 14, 4), p(13, 12, 13, 13, 3), p(12, 10, 12, 12, 2), p(10, 5, 10, 10, 1)}, []int{10, 12, 13, 14}},
		{"the session of a child", tree{group: 10}, []Member{p(10, 5, 10, 10, 1), p(12, 10, 12, 12, 2), p(13, 1, 13, 12, 3)}, []int{10, 12, 13}},
		{"a child older than its parent", tree{group: 10}, []Member{p(10, 5, 10, 10, 5), p(12, 10, 12, 12, 2)}, []int{10}},
		{"seen before", tree{seen: map[int]uint64{12: 2, 13: 3}}, []Member{p(12, 1, 12, 12, 2), p(13, 1, 13, 13, 9), p(14, 12, 14, 14, 4), p(15, 13, 15, 15, 10)}, []int{12, 14}},
		{"no group and nothing seen", tree{}, []Member{p(10, 0, 0, 0, 1), p(11, 10, 0, 0, 2)}, nil},
	} {
		if got := slices.Sorted(maps.Keys(c.tree.descendants(c.all))); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}
