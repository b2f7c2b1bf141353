package config

import (
	"crypto/sha256"
	"path/filepath"
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
	if o.Read == nil {
		o.Read = func(path string) ([]byte, error) { return readFile(path, o.TrustFile) }
	}
	if o.Glob == nil {
		o.Glob = filepath.Glob
	}
	s := &Seen{o, map[string]string{}, map[string][]string{}}
	o.Read = func(path string) ([]byte, error) {
		data, err := s.o.Read(path)
		s.texts[path] = digest(data, err)
		return data, err
	}
	o.Glob = func(pattern string) ([]string, error) {
		matches, err := s.o.Glob(pattern)
		s.matches[pattern] = matches
		return matches, err
	}
	return o, s
}

// Same reports whether another Load would find just the same texts. It reads
// them, but does not look at what they say.
func (s *Seen) Same() bool {
	if s == nil {
		return false
	}
	for path, was := range s.texts {
		if digest(s.o.Read(path)) != was {
			return false
		}
	}
	for pattern, were := range s.matches {
		if matches, _ := s.o.Glob(pattern); !slices.Equal(matches, were) {
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
