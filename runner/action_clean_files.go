package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rota/internal/escape"
)

const (
	cleanNames  = 100 // names of files that are shown
	cleanErrors = 3   // errors that are shown
	cleanDepth  = 100 // directories within directories that are gone into
	cleanBatch  = 256 // entries of a directory that are read at once
)

// cleaner is one run of Clean.
type cleaner struct {
	*Clean
	ctx    context.Context
	out    io.Writer
	before time.Time // older files go
	owner  int       // of the path

	files  int
	bytes  int64
	failed int
	errs   []error // the first of failed
}

// candidate is a file that matches.
type candidate struct {
	name string
	size int64
	time time.Time
}

// directory sweeps the open directory, whose name below the path is name, "" or
// ending in a slash.
func (s *cleaner) directory(dir *os.Root, name string, depth int) {
	below, err := s.read(dir, name)
	if err != nil {
		s.fail(name, err)
	}
	if len(below) > 0 && depth == cleanDepth {
		s.fail(name, fmt.Errorf("deeper than %d directories", cleanDepth))
		return
	}
	for _, sub := range below {
		if s.ctx.Err() != nil {
			return
		}
		if err := s.enter(dir, sub, name, depth+1); err != nil {
			s.fail(name+sub, err)
		}
	}
}

// read goes through the entries of a directory, removes files, and returns the
// directories in it. If none is to be kept, it knows one batch at a time.
func (s *cleaner) read(dir *os.Root, name string) (below []string, err error) {
	f, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var found []candidate
	for s.ctx.Err() == nil {
		entries, err := f.ReadDir(cleanBatch)
		for _, e := range entries {
			switch {
			case e.IsDir() && s.Recursive:
				below = append(below, e.Name())
			case s.matches(e.Name()):
				info, err := dir.Lstat(e.Name())
				if err != nil {
					s.fail(name+e.Name(), err)
				} else if info.Mode().IsRegular() {
					found = append(found, candidate{e.Name(), info.Size(), info.ModTime()})
				}
			}
		}
		if s.Keep == 0 {
			s.remove(dir, name, found)
			found = found[:0]
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return below, err // it is not known what to keep: nothing more is removed
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { // the newest first
		return cmp.Or(b.time.Compare(a.time), strings.Compare(b.name, a.name))
	})
	s.remove(dir, name, found[min(s.Keep, len(found)):])
	return below, nil
}

func (s *cleaner) matches(name string) bool {
	return len(s.Match) == 0 || slices.ContainsFunc(s.Match, func(pattern string) bool {
		ok, _ := filepath.Match(pattern, name)
		return ok
	})
}

func (s *cleaner) remove(dir *os.Root, name string, list []candidate) {
	for _, c := range list {
		if s.ctx.Err() != nil {
			return
		}
		if !c.time.Before(s.before) {
			continue
		}
		verb := "would remove"
		if !s.Dry {
			verb = "removed"
			if err := dir.Remove(c.name); err != nil {
				s.fail(name+c.name, err)
				continue
			}
		}
		s.files++
		s.bytes += c.size
		if s.files <= cleanNames {
			fmt.Fprintf(s.out, "%s %s\n", verb, escape.Name(name+c.name))
		}
	}
}

// enter sweeps the directory sub of dir. [os.Root] does not leave dir, but would
// follow a link within it.
func (s *cleaner) enter(dir *os.Root, sub, name string, depth int) error {
	info, err := dir.Lstat(sub)
	if err != nil || !info.IsDir() {
		return err
	}
	root, err := dir.OpenRoot(sub)
	if err != nil {
		return err
	}
	defer root.Close()
	opened, err := root.Stat(".")
	if err != nil || !os.SameFile(info, opened) {
		return cmp.Or(err, errors.New("it is no longer the same directory"))
	}
	if uid := ownerOf(opened); !s.mayEnter(uid) {
		return fmt.Errorf("not entered: it belongs to user id %d, the path to %d", uid, s.owner)
	}
	s.directory(root, name+sub+"/", depth)
	return nil
}

// mayEnter reports whether a directory of that user is entered. In a path of its own,
// such as /tmp, root enters all. That a path of another user is sticky counts for
// nothing: its owner can make it so, and move all that is in it.
func (s *cleaner) mayEnter(uid int) bool {
	return os.Geteuid() != 0 || s.owner == 0 || uid == 0 || uid == s.owner
}

// fail records an error, unless the file does not exist any more.
func (s *cleaner) fail(name string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	s.failed++
	if len(s.errs) < cleanErrors {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // it names the file without its directory, and as it is
		}
		s.errs = append(s.errs, fmt.Errorf("%s: %w", escape.Name(filepath.Join(s.Path, name)), err))
	}
}

// end writes the total and returns the error of the run.
func (s *cleaner) end() error {
	verb := "removed"
	if s.Dry {
		verb = "would remove"
	}
	if more := s.files - cleanNames; more > 0 {
		fmt.Fprintf(s.out, "… and %d more\n", more)
	}
	fmt.Fprintf(s.out, "%s %d files, %d bytes, from %s\n", verb, s.files, s.bytes, escape.Name(s.Path))
	if s.ctx.Err() != nil {
		return fmt.Errorf("clean: not finished: %w", context.Cause(s.ctx))
	}
	if more := s.failed - len(s.errs); more > 0 {
		s.errs = append(s.errs, fmt.Errorf("and %d more errors", more))
	}
	return errors.Join(s.errs...)
}
