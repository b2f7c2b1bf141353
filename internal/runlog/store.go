package runlog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Store is where the files of all runs are: the directory logs of a state directory, with
// a directory for each task. The zero value holds none.
type Store struct {
	StateDir string // "": none
}

// The endings of the names of files, after the key of their run.
const (
	resultEnding = ".result"
	inputEnding  = ".input"
	logEnding    = ".log" // after a dot and the number of the attempt
)

func (s Store) top() string { return filepath.Join(s.StateDir, "logs") }

func (s Store) directory(task string) string { return filepath.Join(s.top(), task) }

func (s Store) path(run, ending string) string {
	task, key, _ := strings.Cut(run, "/")
	return filepath.Join(s.directory(task), key+ending)
}

// Log is the path of the output of an attempt of a run. While it is written there may be
// segments beside it: see [Output].
func (s Store) Log(run string, attempt int) string {
	return s.path(run, "."+strconv.Itoa(attempt)+logEnding)
}

// Result is the path of the result of a run.
func (s Store) Result(run string) string { return s.path(run, resultEnding) }

// Input is the path of the input of a request that is too long for its row.
func (s Store) Input(run string) string { return s.path(run, inputEnding) }

// Bytes is the size of all files.
func (s Store) Bytes() (bytes int64) {
	_ = filepath.WalkDir(s.top(), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil // what is gone meanwhile has no size
	})
	return bytes
}

// Files are all files of one run.
type Files struct {
	Task, Key string
	Bytes     int64
	Newest    time.Time // when one of them was last written

	names []string
}

// Run is the id of the run.
func (f Files) Run() string { return f.Task + "/" + f.Key }

// Compare orders by age, the oldest first.
func (f Files) Compare(g Files) int {
	return cmp.Or(f.Newest.Compare(g.Newest), cmp.Compare(f.Task, g.Task), cmp.Compare(f.Key, g.Key))
}

// Tasks returns the names of the tasks that have files.
func (s Store) Tasks() ([]string, error) {
	if s.StateDir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(s.top())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Runs returns the files of the runs of a task, the oldest first.
func (s Store) Runs(task string) ([]Files, error) {
	if s.StateDir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(s.directory(task))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	byKey := map[string]*Files{}
	for _, e := range entries {
		key := keyOf(e.Name())
		info, err := e.Info()
		if key == "" || err != nil || !info.Mode().IsRegular() {
			continue // removed meanwhile, or not a file of a run
		}
		f := byKey[key]
		if f == nil {
			f = &Files{Task: task, Key: key}
			byKey[key] = f
		}
		f.names = append(f.names, e.Name())
		f.Bytes += info.Size()
		if info.ModTime().After(f.Newest) {
			f.Newest = info.ModTime()
		}
	}
	all := make([]Files, 0, len(byKey))
	for _, f := range byKey {
		all = append(all, *f)
	}
	slices.SortFunc(all, Files.Compare)
	return all, err
}

// keyOf returns the key of the run that a file belongs to; "" if it belongs to none.
func keyOf(name string) string {
	for _, ending := range []string{resultEnding, inputEnding} {
		if key, ok := strings.CutSuffix(name, ending); ok {
			return key
		}
	}
	if i := strings.LastIndex(name, logEnding); i > 0 {
		if j := strings.LastIndexByte(name[:i], '.'); j > 0 {
			if _, err := strconv.Atoi(name[j+1 : i]); err == nil {
				return name[:j]
			}
		}
	}
	return ""
}

// Remove removes the files of a run.
func (s Store) Remove(f Files) error { return s.remove(f.Task, f.names...) }

// Forget removes all files of the runs with these ids, also those that a killed daemon
// left, except the paths in keep: inputs that other runs still read.
func (s Store) Forget(ids []string, keep map[string]bool) error {
	if s.StateDir == "" {
		return nil
	}
	forgotten := map[string]map[string]bool{} // keys, by task
	for _, id := range ids {
		task, key, _ := strings.Cut(id, "/")
		if forgotten[task] == nil {
			forgotten[task] = map[string]bool{}
		}
		forgotten[task][key] = true
	}
	var errs []error
	for task, keys := range forgotten {
		entries, err := os.ReadDir(s.directory(task))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("output of %s: %w", task, err))
		}
		for _, e := range entries {
			if keys[keyOf(e.Name())] && !keep[filepath.Join(s.directory(task), e.Name())] {
				errs = append(errs, s.remove(task, e.Name()))
			}
		}
	}
	return errors.Join(errs...)
}

// Clear removes what a forgotten run of the same id has left where an attempt is going
// to write: its output, and before the first attempt its result. [Store.Forget] removed
// that already, unless the disk failed.
func (s Store) Clear(run string, attempt int) error {
	task, key, _ := strings.Cut(run, "/")
	var errs []error
	if attempt <= 1 {
		errs = append(errs, s.remove(task, key+resultEnding))
	}
	log := s.Log(run, attempt)
	switch err := os.Remove(log); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		errs = append(errs, err)
	default: // it may have segments
		entries, err := os.ReadDir(s.directory(task))
		errs = append(errs, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), filepath.Base(log)+".") {
				errs = append(errs, s.remove(task, e.Name()))
			}
		}
	}
	return errors.Join(errs...)
}

func (s Store) remove(task string, names ...string) error {
	var errs []error
	for _, name := range names {
		if err := os.Remove(filepath.Join(s.directory(task), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("output of %s: %w", task, err))
		}
	}
	return errors.Join(errs...)
}
