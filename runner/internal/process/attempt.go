package process

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Attempt names one attempt at a run. The zero Attempt is a process of no run.
type Attempt struct {
	StateDir string // tells the runs of two daemons apart
	Run      string // its id, TASK/KEY
	Number   int    // from 1
}

// FileName turns the id of a run into the name of one file or directory. "+" is in
// neither task names nor keys, so different ids have different names.
func FileName(run string) string { return strings.Replace(run, "/", "+", 1) }

// liveName is what the names of all attempts of a run in the directory live begin
// with, and those of no other run: "," is in no id.
func liveName(run string) string { return FileName(run) + "," }

// stem is what the names of this attempt in the directory live begin with.
func (a Attempt) stem() string {
	return filepath.Join(a.StateDir, "live", liveName(a.Run)+strconv.Itoa(a.Number))
}

// Dir is the directory of the attempt, if it is forked.
func (a Attempt) Dir() Dir {
	return Dir(filepath.Join(a.StateDir, "runs", fmt.Sprintf("%s.%d", FileName(a.Run), a.Number)))
}

// Attempt is the attempt that a directory is of, by its name; ok is false if the
// name is that of none.
func (d Dir) Attempt() (a Attempt, ok bool) {
	runs, name := filepath.Split(string(d))
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return a, false
	}
	task, key, cut := strings.Cut(name[:i], "+")
	n, err := strconv.Atoi(name[i+1:])
	if !cut || err != nil || n < 1 || task == "" || key == "" {
		return a, false
	}
	return Attempt{filepath.Dir(filepath.Clean(runs)), task + "/" + key, n}, true
}
