package ledger

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

	"rota/runner"
)

// files are what belongs to runs and is too large for a row: in the directory
// logs/TASK of the state directory, KEY.N.log is the output of attempt N, with
// KEY.N.log.1 and so on beside it while it is written, KEY.result is the result
// and KEY.input the input of a request. The zero value has none.
type files struct {
	dir string // the state directory; "": none
}

func (f files) directory(task string) string { return filepath.Join(f.dir, "logs", task) }

// open opens a file of a run.
func (f files) open(run runner.Run, ending string) (*os.File, error) {
	if f.dir != "" {
		_, key := runner.SplitID(run.ID)
		file, err := os.Open(filepath.Join(f.directory(run.Task), key+ending))
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
	}
	return nil, fmt.Errorf("%w: %s has no %s", ErrNotFound, run.ID, ending)
}

// log opens the output of a run's last attempt.
func (f files) log(run runner.Run) (*os.File, error) {
	if run.Attempts == 0 {
		return nil, fmt.Errorf("%w: %s has no output", ErrNotFound, run.ID)
	}
	return f.open(run, fmt.Sprintf(".%d.log", run.Attempts))
}

// result opens the result of a run. That of one that never began is of another run
// that had its id.
func (f files) result(run runner.Run) (*os.File, error) {
	if run.Attempts == 0 {
		return nil, fmt.Errorf("%w: %s has no result", ErrNotFound, run.ID)
	}
	return f.open(run, ".result")
}

// output is all files of one run.
type output struct {
	task, key string
	names     []string
	bytes     int64
	newest    time.Time
}

// keyOf returns the key of the run that a file belongs to, or "".
func keyOf(name string) string {
	for _, ending := range []string{".result", ".input"} {
		if key, ok := strings.CutSuffix(name, ending); ok {
			return key
		}
	}
	if i := strings.LastIndex(name, ".log"); i > 0 {
		if j := strings.LastIndexByte(name[:i], '.'); j > 0 {
			if _, err := strconv.Atoi(name[j+1 : i]); err == nil {
				return name[:j]
			}
		}
	}
	return ""
}

// tasks returns the names of the tasks that have files.
func (f files) tasks() ([]string, error) {
	if f.dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(filepath.Join(f.dir, "logs"))
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

// outputs returns the files of the runs of a task, by run, the oldest first.
func (f files) outputs(task string) ([]output, error) {
	entries, err := os.ReadDir(f.directory(task))
	if f.dir == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	byKey := map[string]*output{}
	for _, e := range entries {
		key := keyOf(e.Name())
		info, err := e.Info()
		if key == "" || err != nil || !info.Mode().IsRegular() {
			continue // gone, or none of ours
		}
		o := byKey[key]
		if o == nil {
			o = &output{task: task, key: key}
			byKey[key] = o
		}
		o.names = append(o.names, e.Name())
		o.bytes += info.Size()
		if info.ModTime().After(o.newest) {
			o.newest = info.ModTime()
		}
	}
	all := make([]output, 0, len(byKey))
	for _, o := range byKey {
		all = append(all, *o)
	}
	slices.SortFunc(all, byAge)
	return all, err
}

func byAge(a, b output) int {
	return cmp.Or(a.newest.Compare(b.newest), cmp.Compare(a.task, b.task), cmp.Compare(a.key, b.key))
}

// id is the id of the run.
func (o output) id() string { return o.task + "/" + o.key }

// drop removes the files of a run, and counts them.
func (f files) drop(o output, gone *Removed) error {
	gone.Outputs++
	gone.Bytes += o.bytes
	return f.remove(o.task, o.names...)
}

// forget removes all files of runs, also what a daemon left of them that was killed,
// but for inputs that others still read.
func (f files) forget(rows []doomed, read map[string]bool) error {
	if f.dir == "" {
		return nil
	}
	gone := map[string]map[string]bool{} // keys, by task
	for _, d := range rows {
		if d.id == "" {
			continue
		}
		if gone[d.task] == nil {
			gone[d.task] = map[string]bool{}
		}
		_, key := runner.SplitID(d.id)
		gone[d.task][key] = true
	}
	var errs []error
	for task, keys := range gone {
		entries, err := os.ReadDir(f.directory(task))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("output of %s: %w", task, err))
		}
		for _, e := range entries {
			if keys[keyOf(e.Name())] && !read[filepath.Join(f.directory(task), e.Name())] {
				errs = append(errs, f.remove(task, e.Name()))
			}
		}
	}
	return errors.Join(errs...)
}

// Clear removes what a run that is forgotten has left where the attempt of another
// one of the same id is going to write: its output, and with the first attempt its
// result. The ledger removes that when it forgets a run, unless the disk fails.
func Clear(stateDir string, run runner.Run) error {
	f := files{stateDir}
	_, key := runner.SplitID(run.ID)
	var errs []error
	if run.Attempts <= 1 {
		errs = append(errs, f.remove(run.Task, key+".result"))
	}
	log := fmt.Sprintf("%s.%d.log", key, run.Attempts)
	switch err := os.Remove(filepath.Join(f.directory(run.Task), log)); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		errs = append(errs, err)
	default: // there may be more of it
		entries, err := os.ReadDir(f.directory(run.Task))
		errs = append(errs, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), log+".") {
				errs = append(errs, f.remove(run.Task, e.Name()))
			}
		}
	}
	return errors.Join(errs...)
}

// ClearAll removes all that runs have left that are forgotten, for one of their id.
func ClearAll(stateDir, id string) error {
	task, _ := runner.SplitID(id)
	return files{stateDir}.forget([]doomed{{id: id, task: task}}, nil)
}

func (f files) remove(task string, names ...string) error {
	var errs []error
	for _, name := range names {
		if err := os.Remove(filepath.Join(f.directory(task), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("output of %s: %w", task, err))
		}
	}
	return errors.Join(errs...)
}
