package config

import "cmp"

// Positions finds the positions of the keys of a Config in its texts, for faults that
// are found after the load.
type Positions struct{ sources []*source }

// Positions returns the positions of the keys in the texts that were read. It is not
// safe for concurrent use.
func (c *Config) Positions() *Positions {
	p := &Positions{}
	for i, show := range c.shown {
		p.sources = append(p.sources, &source{Source: c.Sources[i], show: show})
	}
	return p
}

// Point sets the position of a fault to the first of the paths, such as "tasks",
// "backup", "secrets", "KEY", that any text has; if none has, the fault is about the
// file as a whole. The position is that of the value or, of a table, of its name.
func (p *Positions) Point(f Fault, paths ...[]string) Fault {
	for _, path := range paths {
		steps := make([]any, len(path))
		for i, key := range path {
			steps[i] = key
		}
		for _, src := range p.sources {
			if src.place == nil {
				src.place = scan(src.Text)
			}
			if _, all := src.place.find(steps); all {
				return complaint{Fault: f, location: location{src: src, path: steps}}.locate()
			}
		}
	}
	return complaint{Fault: f, location: location{src: p.sources[0]}, whole: true}.locate()
}

// Compare orders faults by position.
func (p *Positions) Compare(a, b Fault) int {
	nth := func(f Fault) int {
		for i, src := range p.sources {
			if src.show == f.File {
				return i
			}
		}
		return len(p.sources)
	}
	return cmp.Or(nth(a)-nth(b), a.Line-b.Line, a.Col-b.Col)
}
