package schedule

import (
	"fmt"
	"strings"
)

const maxCount = 1_000_000

func (d *builder) parseCount(v value) {
	var n int
	if _, err := fmt.Sscan(v.text, &n); err != nil || !allDigits(v.text) || n < 1 || n > maxCount {
		d.add(v.whole(fmt.Sprintf("write how many runs there are to be: 1 to %d", maxCount), "count cannot be %q", v.text))
		return
	}
	d.count = n
}

func (d *builder) countText() string {
	if d.count == 0 {
		return ""
	}
	return fmt.Sprint(d.count)
}

// countMeans describes how often a trigger with the count runs.
func countMeans(n int) string {
	if n == 1 {
		return "one run only"
	}
	return fmt.Sprintf("%d runs only", n)
}

// WithCount returns the trigger with another count, at least 1. A trigger without a
// count, and the zero Spec, returns itself.
func (s Spec) WithCount(n int) Spec {
	if s.Count() == 0 {
		return s
	}
	p, t := *s.p, *s.p.terms
	p.text = strings.TrimSuffix(p.text, fmt.Sprintf(" count %d", p.count)) + fmt.Sprintf(" count %d", n)
	t.count = n
	p.terms = &t
	return Spec{&p}
}
