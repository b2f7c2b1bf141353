package config

import (
	"crypto/sha256"
	"errors"
	"slices"
	"syscall"
	"time"
)

// Seen records the files that a [Load] found on the disk, valid or not, to detect later
// whether any has changed. A nil Seen records nothing.
type Seen struct {
	o       Options
	texts   map[string]string   // by path: a hash of the text, or why it cannot be read
	marks   map[string]mark     // by path
	matches map[string][]string // by pattern
}

// mark is the metadata of a file, which shows most changes without reading the file.
type mark struct {
	device, inode uint64
	size          int64
	mode          uint32
	modified      int64 // nanoseconds
	changed       int64 // nanoseconds
	recent        bool  // the file had just changed: another change might not change the times
	err           string
}

// tick is the coarsest unit of time in which a file system counts.
const tick = 2 * time.Second

// markOf returns the mark of what a path leads to.
func markOf(path string) mark {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return mark{err: err.Error()}
	}
	m := mark{device: st.Dev, inode: st.Ino, size: st.Size, mode: st.Mode, modified: st.Mtim.Nano(), changed: st.Ctim.Nano()}
	m.recent = time.Since(time.Unix(0, max(m.modified, m.changed))).Abs() < tick
	return m
}

// Remember returns options for one [Load], and the Seen that this Load fills.
func (o Options) Remember() (Options, *Seen) {
	s := &Seen{o, map[string]string{}, map[string]mark{}, map[string][]string{}}
	o.seen = s
	return o, s
}

// addFile records the content of a file, or why it could not be read.
func (s *Seen) addFile(path string, f file, err error) {
	if s != nil {
		s.texts[path], s.marks[path] = digest(f.data, err), f.mark
	}
}

// addMatches records the paths that matched a pattern.
func (s *Seen) addMatches(pattern string, matches []string) {
	if s != nil {
		s.matches[pattern] = matches
	}
}

// Touched reports whether any file may have changed, so that a call of [Seen.Same] is
// worthwhile. It compares sizes, times and inodes of the files, and reads none. A path
// that does not answer counts as unchanged.
func (s *Seen) Touched() bool {
	if s == nil || s.o.Read != nil {
		return true
	}
	o := s.o.withDeadline()
	for path, was := range s.marks {
		now, err := within(o.Limit, path, o.until, func() (mark, error) { return markOf(path), nil })
		if err != nil {
			return false
		}
		if now.recent = false; was.recent || now != was {
			return true
		}
	}
	for pattern, were := range s.matches {
		matches, err := o.glob(pattern)
		if errors.As(err, new(*Unanswered)) {
			return false
		}
		if !slices.Equal(matches, were) {
			return true
		}
	}
	return false
}

// Same reports whether another Load would find the same texts. It reads them, but
// does not decode them.
func (s *Seen) Same() bool {
	if s == nil {
		return false
	}
	o := s.o.withDeadline()
	for path, was := range s.texts {
		f, err := o.open(path)
		if digest(f.data, err) != was {
			return false
		}
		s.marks[path] = f.mark
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
