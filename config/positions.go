package config

import "cmp"

// Positions finds where the keys of a Config stand in its texts, for complaints
// that are not about the texts alone.
type Positions struct{ sources []*source }

// Positions returns the places of what was read. It is not for use by several
// goroutines at once.
func (c *Config) Positions() *Positions {
	p := &Positions{}
	for i, show := range c.shown {
		p.sources = append(p.sources, &source{Source: c.Sources[i], show: show})
	}
	return p
}

// Point gives a fault the place of the first of some paths that stands anywhere,
// such as "tasks", "backup", "secrets", "KEY"; if none does, it is about the file
// as a whole. It is about the value there or, of a table, about its name.
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

// Compare orders faults by where they stand.
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
