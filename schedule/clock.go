package schedule

import (
	"sync"
	"time"
)

// wall is a zone's wall clock: every change of its offset from UTC, looked up
// once. From 2100 on no zone has anything but yearly rules, and those repeat
// with the calendar every 400 years, so a table up to 2502 answers for ever.
type wall struct {
	starts []int64  // of the stretches of equal offset; the first is -never
	offs   []int32  // seconds east of UTC in each stretch
	index  []uint16 // the stretch in force at wallBase + i<<wallShift
	east   int64    // the largest offset
}

const (
	wallBase  = 0           // 1970: what is earlier is found by walking
	wallShift = 24          // 194 days
	wallCycle = 4102444800  // 2100-01-01
	wallEnd   = 16788643200 // 2502-01-01
)

// stretch is a time during which the wall clock runs evenly.
type stretch struct {
	start, end         int64 // the instants [start, end)
	before, off, after int64 // the offsets from UTC before, during and after it
}

var utc = wall{starts: []int64{-never}, offs: []int32{0}}

var walls sync.Map // *time.Location -> *wall, of zones whose clock changes

func wallOf(zone *time.Location) *wall {
	if zone == time.UTC {
		return &utc
	}
	if w, ok := walls.Load(zone); ok {
		return w.(*wall)
	}
	w := &wall{}
	for at := time.Unix(minTime-day, 0).In(zone); ; {
		_, off := at.Zone()
		if i := len(w.offs) - 1; i < 0 {
			w.starts, w.offs, w.east = []int64{-never}, []int32{int32(off)}, int64(off)
		} else if w.offs[i] != int32(off) {
			w.starts, w.offs = append(w.starts, at.Unix()), append(w.offs, int32(off))
		}
		w.east = max(w.east, int64(off))
		_, end := at.ZoneBounds()
		if end.IsZero() || end.Unix() >= wallEnd {
			break
		}
		if !end.After(at) { // ZoneBounds stands still on 31 December of leap years
			end = at.Add(day * time.Second)
		}
		at = end
	}
	if len(w.starts) == 1 {
		return w
	}
	for t, i := int64(wallBase), 0; t < wallEnd; t += 1 << wallShift {
		for i+1 < len(w.starts) && w.starts[i+1] <= t {
			i++
		}
		w.index = append(w.index, uint16(i))
	}
	old, _ := walls.LoadOrStore(zone, w)
	return old.(*wall)
}

// fixedOffset reports whether the clock never changes, and returns its offset if so.
func (w *wall) fixedOffset() (off int64, even bool) { return w.east, len(w.starts) == 1 }

// at returns the stretch that holds the instant t.
func (w *wall) at(t int64) stretch {
	if off, even := w.fixedOffset(); even {
		return stretch{-never, never, off, off, off}
	}
	last, shift := len(w.starts)-1, int64(0)
	if t >= wallCycle+period && w.starts[last] > wallCycle {
		shift = (t - wallCycle) / period * period
		t -= shift
	}
	i := 0
	if t >= wallBase {
		i = int(w.index[min((t-wallBase)>>wallShift, int64(len(w.index)-1))])
	}
	for i < last && w.starts[i+1] <= t {
		i++
	}
	off := int64(w.offs[i])
	s := stretch{-never, never, off, off, off}
	if i > 0 {
		s.start, s.before = w.starts[i]+shift, int64(w.offs[i-1])
	}
	if i < last {
		s.end, s.after = w.starts[i+1]+shift, int64(w.offs[i+1])
	}
	return s
}

// firstAt returns the first instant, not before s, at which the wall clock shows
// local or more, and its stretch. It shows more if local is in a gap.
func (w *wall) firstAt(local int64, s stretch) (int64, stretch) {
	if local >= s.end+s.off {
		s = w.at(max(s.end, local-w.east))
		for local >= s.end+s.off {
			s = w.at(s.end)
		}
	}
	return max(local-s.off, s.start), s
}
