package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// table collects what was measured.
type table struct {
	columns []string
	mu      sync.Mutex // of what follows, while something is measured
	rows    []row
	values  map[key][]float64
	busy    map[key]bool // the machine was not quiet
}

// key is a cell of the table.
type key struct {
	row, column string
	line        int
}

func newTable(all []scheduler) *table {
	t := &table{values: map[key][]float64{}, busy: map[key]bool{}}
	for _, s := range all {
		t.columns = append(t.columns, s.name)
	}
	return t
}

func (t *table) add(r row, s scheduler, values []float64, quiet bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.ContainsFunc(t.rows, func(o row) bool { return o.name == r.name }) {
		t.rows = append(t.rows, r)
	}
	for i, v := range values {
		k := key{r.name, s.name, i}
		t.values[k] = append(t.values[k], v)
		t.busy[k] = t.busy[k] || !quiet
	}
}

// String is the table in Markdown: medians, with the least and the most in brackets. The
// ratio is how many times better the first column is than the best of the peers.
func (t *table) String() string {
	var b strings.Builder
	b.WriteString("| what |")
	for _, c := range t.columns {
		fmt.Fprintf(&b, " %s |", c)
	}
	b.WriteString(" best peer / rota | goal |\n|---|" + strings.Repeat("--:|", len(t.columns)+2) + "\n")
	for _, r := range t.rows {
		for i, l := range r.lines {
			what := "… " + l.what
			if i == 0 {
				what = strings.TrimSuffix(r.what+": "+l.what, ": ")
			}
			fmt.Fprintf(&b, "| %s |", what)
			for _, c := range t.columns {
				fmt.Fprintf(&b, " %s |", t.cell(key{r.name, c, i}, l.unit))
			}
			fmt.Fprintf(&b, " %s | %s |\n", t.ratio(r, i), l.wanted())
		}
	}
	return b.String()
}

func (t *table) cell(k key, u unit) string {
	v := t.values[k]
	if len(v) == 0 {
		return "–"
	}
	text := u.text(median(v))
	if len(v) > 1 {
		text += fmt.Sprintf(" (%s–%s)", u.number(slices.Min(v)), u.number(slices.Max(v)))
	}
	if t.busy[k] {
		text = "~" + text
	}
	return text
}

// ratio compares the first column with those of the peers.
func (t *table) ratio(r row, i int) string {
	own, best := t.values[key{r.name, t.columns[0], i}], 0.0
	for _, c := range t.columns[1:] {
		v := t.values[key{r.name, c, i}]
		if len(v) == 0 || !strings.HasPrefix(c, "supercronic") {
			continue
		}
		if m := median(v); best == 0 || (m > best) == r.lines[i].unit.more {
			best = m
		}
	}
	if best == 0 || len(own) == 0 || median(own) == 0 {
		return "–"
	}
	ratio := best / median(own)
	if r.lines[i].unit.more {
		ratio = 1 / ratio
	}
	return strconv.FormatFloat(ratio, 'f', 2, 64)
}

func (l line) wanted() string {
	switch {
	case l.goal == 0:
		return ""
	case l.unit.more:
		return "≥ " + short(l.goal) + suffix(l.unit.name)
	}
	return "≤ " + short(l.goal) + suffix(l.unit.name)
}

// text is a value with its unit.
func (u unit) text(v float64) string { return u.number(v) + suffix(u.name) }

func (u unit) number(v float64) string { return short(v / u.scale) }

func suffix(unit string) string {
	if unit == "" {
		return ""
	}
	return " " + unit
}

// short is a number with three digits that count.
func short(v float64) string {
	switch {
	case v >= 1000:
		text := strconv.FormatFloat(v, 'f', 0, 64)
		for i := len(text) - 3; i > 0; i -= 3 {
			text = text[:i] + "," + text[i:]
		}
		return text
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// text is what was measured in one round.
func (r row) text(values []float64) string {
	var parts []string
	for i, v := range values {
		parts = append(parts, r.lines[i].unit.text(v))
	}
	return strings.Join(parts, ", ")
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// machine says where it was measured.
func (b *bench) machine() string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	name := "unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo")
	if _, after, ok := strings.Cut(string(text), "model name"); ok {
		name, _, _ = strings.Cut(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(after), ":")), "\n")
	}
	return fmt.Sprintf("%d × %s, Linux %s, %s, %s; median of %d (least–most)",
		runtime.NumCPU(), name, strings.TrimSpace(string(kernel)), runtime.Version(), time.Now().UTC().Format(time.DateOnly), b.rounds)
}

// awaitQuiet waits until the machine has little else to do, and reports whether it has.
func (b *bench) awaitQuiet() bool {
	const enough = 0.9
	for deadline := time.Now().Add(b.quiet); ; {
		idle, total := ticks()
		time.Sleep(300 * time.Millisecond)
		idle2, total2 := ticks()
		if total2 > total && float64(idle2-idle)/float64(total2-total) >= enough {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// ticks are those of all processors since the start: idle ones, and all.
func ticks() (idle, total int64) {
	text, _ := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(text), "\n")
	for i, word := range strings.Fields(first)[1:] {
		n, _ := strconv.ParseInt(word, 10, 64)
		if total += n; i == 3 || i == 4 {
			idle += n
		}
	}
	return idle, total
}
