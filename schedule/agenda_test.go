package schedule

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// beat is a schedule that fires whenever Unix time is a multiple of it.
type beat int64

func (b beat) Next(after time.Time) time.Time {
	if b == 0 {
		return time.Time{}
	}
	return time.Unix((after.Unix()/int64(b)+1)*int64(b), 0).UTC()
}

func unix(n int64) time.Time { return time.Unix(n, 0).UTC() }

func TestAgendaZeroValue(t *testing.T) {
	var a Agenda
	if !a.At().IsZero() || !a.Next("x").IsZero() || len(a.Due(unix(1<<40))) != 0 {
		t.Error("the zero Agenda is not empty")
	}
	a.Drop("x")
	a.Commit(unix(1 << 40))
	a.Put(Entry{Key: "x", When: beat(10), Last: unix(5)})
	if got := a.At(); !got.Equal(unix(10)) {
		t.Errorf("At() = %v, want %v", got, unix(10))
	}
}

func TestAgenda(t *testing.T) {
	var a Agenda
	put(&a, []Entry{
		{Key: "never", When: beat(0), Last: unix(100)},
		{Key: "b", When: beat(10), Last: unix(100)},
		{Key: "a", When: beat(10), Last: unix(90)},
		{Key: "c", When: beat(7), Last: unix(100).Add(999 * time.Millisecond)},
		{Key: "twice", When: beat(1), Last: unix(100)},
		{Key: "twice", When: beat(1000), Last: unix(100)},
	})
	for key, want := range map[string]time.Time{"never": {}, "a": unix(100), "b": unix(110), "c": unix(105), "twice": unix(1000), "unknown": {}} {
		if got := a.Next(key); !got.Equal(want) {
			t.Errorf("Next(%q) = %v, want %v", key, got, want)
		}
	}
	through := unix(112).Add(500 * time.Millisecond)
	want := []string{"a 100 100 110 2", "c 105 105 112 2", "b 110 - 110 1"}
	for range 2 { // Due changes nothing
		var got []string
		for _, d := range a.Due(through) {
			prev := "-"
			if !d.Prev.IsZero() {
				prev = fmt.Sprint(d.Prev.Unix())
			}
			got = append(got, fmt.Sprintf("%s %d %s %d %d", d.Key, d.First.Unix(), prev, d.Last.Unix(), d.N))
		}
		if !slices.Equal(got, want) {
			t.Errorf("Due = %q, want %q", got, want)
		}
	}
	a.Commit(through)
	if got := a.At(); !got.Equal(unix(119)) {
		t.Errorf("after Commit, At() = %v, want %v", got, unix(119))
	}
	a.Drop("c")
	if got := a.At(); !got.Equal(unix(120)) {
		t.Errorf("after Drop, At() = %v, want %v", got, unix(120))
	}
}

func TestDueEach(t *testing.T) {
	var a Agenda
	a.Put(Entry{Key: "x", When: beat(5), Last: unix(3)})
	var got []int64
	for at := range a.Due(unix(21))[0].Each() {
		got = append(got, at.Unix())
	}
	if want := []int64{5, 10, 15, 20}; !slices.Equal(got, want) {
		t.Errorf("Each() = %v, want %v", got, want)
	}
	for at := range a.Due(unix(21))[0].Each() {
		if at.Unix() > 5 {
			t.Error("Each continues after a break")
		}
		break
	}
}

// However much came due, the newest two are found, and quickly.
func TestDueOfMany(t *testing.T) {
	for _, b := range []beat{1, 60, 3600, 86400} {
		var a Agenda
		a.Put(Entry{Key: "x", When: b, Last: unix(0)})
		for _, n := range []int64{Many - 1, Many, Many + 1, Many + 5, 5 * Many} {
			end := n*int64(b) + int64(b)/2
			d := a.Due(unix(end))[0]
			if got, want := int64(d.N), min(n, Many); got != want {
				t.Errorf("beat %d: N = %d of %d, want %d", b, got, n, want)
			}
			if d.Last.Unix() != n*int64(b) || d.Prev.Unix() != (n-1)*int64(b) || d.First.Unix() != int64(b) {
				t.Errorf("beat %d, %d slots: First, Prev, Last = %d, %d, %d", b, n, d.First.Unix(), d.Prev.Unix(), d.Last.Unix())
			}
		}
	}
}

// The agenda does what a plain list does that is searched from end to end.
func TestAgendaAgainstList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var a Agenda
	list := map[string]Entry{}
	now := int64(1000)
	for range 6_000 {
		key := fmt.Sprint(r.IntN(60))
		switch r.IntN(4) {
		case 0, 1:
			e := Entry{Key: key, When: beat(r.IntN(50)), Last: unix(now - r.Int64N(30))}
			a.Put(e)
			list[key] = e
		case 2:
			a.Drop(key)
			delete(list, key)
		default:
			now += r.Int64N(40)
			var want []string
			for _, e := range list {
				if at := e.When.Next(e.Last); !at.IsZero() && at.Unix() <= now {
					want = append(want, fmt.Sprintf("%09d %s", at.Unix(), e.Key))
				}
			}
			slices.Sort(want)
			var got []string
			for _, d := range a.Due(unix(now)) {
				got = append(got, fmt.Sprintf("%09d %s", d.First.Unix(), d.Key))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("Due(%d) = %q, want %q", now, got, want)
			}
			a.Commit(unix(now))
			for key, e := range list {
				if at := e.When.Next(e.Last); !at.IsZero() && at.Unix() <= now {
					e.Last = unix(now)
					list[key] = e
				}
			}
		}
		var first time.Time
		for _, e := range list {
			if at := e.When.Next(e.Last); !at.IsZero() && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
		if got := a.At(); !got.Equal(first) || len(a.items) != len(list) {
			t.Fatalf("At() = %v of %d entries, want %v of %d", got, len(a.items), first, len(list))
		}
	}
}

func put(a *Agenda, entries []Entry) {
	for _, e := range entries {
		a.Put(e)
	}
}

func manyEntries(n int, last int64) []Entry {
	when := mustParse("*/5 * * * *", time.UTC)
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = Entry{Key: fmt.Sprintf("task-%d", i), When: when, Last: unix(last)}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Key[4:], b.Key[4:]) })
	return entries
}

func TestAgendaSize(t *testing.T) {
	const n = 100_000
	entries := manyEntries(n, 0)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var a Agenda
	put(&a, entries)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if per := float64(after.HeapAlloc-before.HeapAlloc) / n; per > 100 {
		t.Errorf("an entry takes %.0f bytes, want at most 100", per)
	}
	runtime.KeepAlive(entries)
	runtime.KeepAlive(&a)
}

func BenchmarkAgendaPut1M(b *testing.B) {
	entries := manyEntries(1_000_000, 1_700_000_000)
	for b.Loop() {
		var a Agenda
		put(&a, entries)
	}
}

func BenchmarkAgendaCommit10k(b *testing.B) {
	var a Agenda
	now := int64(1_700_000_000)
	put(&a, manyEntries(10_000, now))
	for b.Loop() {
		now += 300
		if n := len(a.Due(unix(now))); n != 10_000 {
			b.Fatal(n)
		}
		a.Commit(unix(now))
	}
}
