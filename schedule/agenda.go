package schedule

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Entry is a trigger in an agenda. Its next slot is When.Next(Last).
type Entry struct {
	Key  string    // names the entry in its agenda
	When Schedule  // not nil
	Last time.Time // the newest slot that was handled, or any instant before the next slot
}

// Agenda is the time-ordered set of next slots: one of each entry, in a flat
// heap. It holds instants to the second and reads no clock. The zero Agenda is
// empty and ready to use; it is not safe for concurrent use.
type Agenda struct {
	items []item           // unordered
	heap  []int32          // indices of items, the earliest slot first
	index map[string]int32 // index of the item by key
}

// item is an entry: 48 bytes on 64-bit machines, and with its places in the
// heap and the index less than 100.
type item struct {
	key  string
	when Schedule
	next int64 // Unix seconds, or never
	at   int32 // its place in the heap
}

// seek looks up the first slot after an instant in Unix seconds.
func (i *item) seek(after int64) {
	i.next = never
	if at := i.when.Next(time.Unix(after, 0)); !at.IsZero() {
		i.next = at.Unix()
	}
}

// Put adds an entry, or replaces the one with the same key.
func (a *Agenda) Put(e Entry) {
	i, known := a.index[e.Key]
	if !known {
		if a.index == nil {
			a.index = map[string]int32{}
		}
		i = int32(len(a.items))
		a.index[e.Key] = i
		a.items = append(a.items, item{key: e.Key, at: i})
		a.heap = append(a.heap, i)
	}
	it := &a.items[i]
	it.when = e.When
	it.seek(e.Last.Unix())
	a.fix(int(it.at))
}

// Drop removes an entry. It ignores an unknown key.
func (a *Agenda) Drop(key string) {
	i, known := a.index[key]
	if !known {
		return
	}
	delete(a.index, key)
	end := len(a.items) - 1
	if gap, last := int(a.items[i].at), a.heap[end]; gap < end {
		a.heap = a.heap[:end]
		a.place(gap, last)
		a.fix(gap)
	} else {
		a.heap = a.heap[:end]
	}
	if last := a.items[end]; int(i) < end { // the last item moves into the hole
		a.items[i] = last
		a.heap[last.at] = i
		a.index[last.key] = i
	}
	a.items[end] = item{} // so that the garbage collector can free its memory
	a.items = a.items[:end]
}

// At returns the earliest next slot of all entries; the zero Time if none has one.
func (a *Agenda) At() time.Time {
	if len(a.heap) == 0 {
		return time.Time{}
	}
	return instant(a.items[a.heap[0]].next)
}

// Count returns how many entries are due up to and including the given instant.
func (a *Agenda) Count(through time.Time) int {
	n := 0
	a.walk(through.Unix(), func(int) { n++ })
	return n
}

// Next returns the next slot of an entry; the zero Time if it has none or if
// the key is unknown.
func (a *Agenda) Next(key string) time.Time {
	i, known := a.index[key]
	if !known {
		return time.Time{}
	}
	return instant(a.items[i].next)
}

func instant(t int64) time.Time {
	if t == never {
		return time.Time{}
	}
	return time.Unix(t, 0).UTC()
}

// Due returns the due slots of each entry up to and including the given instant, ordered
// by first slot and then by key. It changes nothing: until [Agenda.Commit] it returns the
// same again.
func (a *Agenda) Due(through time.Time) []Due {
	var found []int32
	a.walk(through.Unix(), func(i int) { found = append(found, a.heap[i]) })
	slices.SortFunc(found, func(i, j int32) int {
		x, y := &a.items[i], &a.items[j]
		return cmp.Or(cmp.Compare(x.next, y.next), strings.Compare(x.key, y.key))
	})
	due := make([]Due, len(found))
	for i, f := range found {
		it := &a.items[f]
		due[i] = dueOf(it.key, it.when, it.next, through.Unix())
	}
	return due
}

// Commit moves every entry that is due past the given instant.
func (a *Agenda) Commit(through time.Time) {
	var due []int
	a.walk(through.Unix(), func(i int) { due = append(due, i) })
	for _, i := range due {
		a.items[a.heap[i]].seek(through.Unix())
	}
	// From the deepest up: what is below an item is a heap when its turn comes.
	slices.Sort(due)
	for _, i := range slices.Backward(due) {
		a.down(i)
	}
}

// walk visits the places in the heap that are due up to through: where the top
// of a subtree is not due, nothing below it is.
func (a *Agenda) walk(through int64, visit func(i int)) {
	todo := []int{0}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i < len(a.heap) && a.items[a.heap[i]].next <= through {
			visit(i)
			todo = append(todo, 2*i+1, 2*i+2)
		}
	}
}

func (a *Agenda) place(i int, it int32) {
	a.heap[i] = it
	a.items[it].at = int32(i)
}

// fix restores the order around a place whose item has changed.
func (a *Agenda) fix(i int) {
	it := a.heap[i]
	for i > 0 {
		up := (i - 1) / 2
		if a.items[a.heap[up]].next <= a.items[it].next {
			break
		}
		a.place(i, a.heap[up])
		i = up
	}
	a.place(i, it)
	a.down(i)
}

// down lets an item sink until nothing below it comes earlier.
func (a *Agenda) down(i int) {
	it := a.heap[i]
	next := a.items[it].next
	for {
		child := 2*i + 1
		if child >= len(a.heap) {
			break
		}
		least := a.items[a.heap[child]].next
		if child+1 < len(a.heap) {
			if right := a.items[a.heap[child+1]].next; right < least {
				child, least = child+1, right
			}
		}
		if next <= least {
			break
		}
		a.place(i, a.heap[child])
		i = child
	}
	a.place(i, it)
}
