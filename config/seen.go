package config

import (
	"crypto/sha256"
	"slices"
)

// Seen is what was found on the disk, right or wrong, to tell later whether
// there is anything new to be found. The nil Seen is nothing.
type Seen struct {
	o       Options
	texts   map[string]string   // by path: a hash of the text, or why there is none
	matches map[string][]string // by pattern
}

// Remember returns options for one [Load], and what that will have seen.
func (o Options) Remember() (Options, *Seen) {
	s := &Seen{o, map[string]string{}, map[string][]string{}}
	o.seen = s
	return o, s
}

// text remembers what was read of a file; match, what matched a pattern.
func (s *Seen) text(path string, data []byte, err error) {
	if s != nil {
		s.texts[path] = digest(data, err)
	}
}

func (s *Seen) match(pattern string, matches []string) {
	if s != nil {
		s.matches[pattern] = matches
	}
}

// Same reports whether another Load would find just the same texts. It reads
// them, but does not look at what they say.
func (s *Seen) Same() bool {
	if s == nil {
		return false
	}
	o := s.o.begun()
	for path, was := range s.texts {
		f, err := o.open(path)
		if digest(f.data, err) != was {
			return false
		}
	}
	for pattern, were := range s.matches {
		if matches, _ := o.glob(pattern); !slices.Equal(matches, were) {
			return false
		}
	}
	return true
}

func digest(data []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(data)
	return string(sum[:])
}
