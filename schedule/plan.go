package schedule

// plan builds the plan of a builder without faults. It complains about a trigger that can
// never fire.
func (d *builder) plan(kind Kind) *plan {
	p := &plan{kind: kind, zone: d.zone, terms: &terms{ends: never, starts: -never, anchor: d.anchor, jitter: d.jitter, eachRun: d.eachRun && d.jitter > 0}}
	w := wallOf(d.zone)
	if d.starts.text != "" {
		p.starts, _ = d.starts.on(w)
	}
	if d.ends.text != "" {
		p.ends, _ = d.ends.on(w)
		if p.ends <= p.starts {
			d.add(d.ends.from.whole("ends is the first instant that no longer counts", "ends is not after starts"))
			return p
		}
	}
	p.count = d.count
	kinds[kind].build(d, p, w)
	p.text = d.text()
	return p
}

// local reports whether starts or ends is a reading of the wall clock.
func (d *builder) local() bool {
	return d.starts.text != "" && !d.starts.zoned || d.ends.text != "" && !d.ends.zoned
}
