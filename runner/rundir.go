package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// runDir is the folder of one attempt at a forked run. It is all that a daemon
// and the shim know of each other, in files:
//
//	run    what is being run, written by the daemon before the shim is started
//	lock   held by the shim (flock) for as long as it lives
//	go     made by whoever comes first: by the shim, and the run begins, or by
//	       a later daemon, and it never does
//	pid    the process of the command
//	errors what the shim itself has to complain of
//	stop   why a daemon stops the run, written before it signals the shim
//	kill   there once a daemon has ended the grace of that stop
//	end    the result, complete or not there
type runDir string

// runFile is the content of the file "run".
type runFile struct {
	Version int
	Run     Run
	Input   []byte // of the run: JSON would change what is no text
	Policy  Policy
}

// apart takes the input out of a run.
func apart(run Run) (Run, []byte) {
	input := []byte(run.Input)
	run.Input = ""
	return run, input
}

// procFile is the content of the files "go" and "pid".
type procFile struct {
	PID     int
	Started uint64 // as in /proc/PID/stat
	Boot    string // the id of this boot of the machine
}

// runDirVersion is that of the files; a shim may be older than the daemon.
const runDirVersion = 1

func newRunDir(stateDir string, run Run) runDir {
	return runDir(filepath.Join(stateDir, "runs", fmt.Sprintf("%s.%d", fileName(run.ID), run.Attempts)))
}

// runDirs returns the folders of all forked runs.
func runDirs(stateDir string) ([]runDir, error) {
	entries, err := os.ReadDir(filepath.Join(stateDir, "runs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var dirs []runDir
	for _, e := range entries {
		dirs = append(dirs, runDir(filepath.Join(stateDir, "runs", e.Name())))
	}
	return dirs, nil
}

func (d runDir) path(name string) string { return filepath.Join(string(d), name) }

// lock takes the lock of the folder. Whoever inherits the descriptor of the
// file holds it too.
func (d runDir) lock() (*os.File, error) {
	f, err := os.OpenFile(d.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// begin makes the file "go", or reports that it is there already.
func (d runDir) begin() error {
	f, err := os.OpenFile(d.path("go"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	self, err := procOf(os.Getpid())
	if err != nil {
		return err
	}
	return json.NewEncoder(f).Encode(self)
}

// write replaces a file as a whole; durable also asks the disk to keep it.
func (d runDir) write(name string, v any, durable bool) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(d.path(name), text, 0o600); err != nil || !durable {
		return err
	}
	return d.sync()
}

// reserved is where the end is written: room for it is taken before the shim is
// started, so that a disk which is full by then does not cost the result.
const reserved = "end.reserved"

// endRoom is enough for any result.
const endRoom = 32 << 10

func (d runDir) reserve() error {
	return os.WriteFile(d.path(reserved), make([]byte, endRoom), 0o600)
}

// finish writes the end, whole and durably.
func (d runDir) finish(r Result) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if len(text) > endRoom {
		return d.write("end", r, true)
	}
	f, err := os.OpenFile(d.path(reserved), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(text)
	if err := errors.Join(err, f.Truncate(int64(len(text))), f.Sync()); err != nil {
		return err
	}
	if err := os.Rename(d.path(reserved), d.path("end")); err != nil {
		return err
	}
	return d.sync()
}

// sync asks the disk to keep the names in the folder.
func (d runDir) sync() error {
	dir, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func (d runDir) read(name string, v any) error {
	text, err := os.ReadFile(d.path(name))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", d.path(name), err)
	}
	return nil
}

// process takes hold of the process that a file names, if it still lives.
func (d runDir) process(name string) (*process, error) {
	var p procFile
	if err := d.read(name, &p); err != nil {
		return nil, err
	}
	if p.Boot != BootID() {
		return nil, syscall.ESRCH
	}
	return openProcess(p.PID, p.Started)
}

// settle says what became of a run whose shim has ended. If the shim died
// before it could write the end, what it left is stopped first.
func (d runDir) settle(run Run, p Policy, stateDir string) Result {
	var result Result
	err := d.read("end", &result)
	if err == nil {
		return result
	}
	f := family{run: run.ID, stateDir: stateDir}
	if leader, err := d.process("pid"); err == nil {
		f.group = leader.pid
		leader.pidfd.Close()
	}
	why := "its shim was killed"
	if text, _ := os.ReadFile(d.path("errors")); len(text) > 0 {
		why = "its shim failed: " + firstLine(string(text))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		why = "its end is unreadable: " + firstLine(err.Error())
	}
	if cleared := f.clear(p, leftExchange(stateDir, run.ID, run.Attempts)); cleared != "" {
		why += "; " + cleared
	}
	joinLeft(logPath(stateDir, run.ID, run.Attempts))
	return Result{Outcome: Lost, Finished: time.Now()}.Because(Said(why))
}

// procOf describes a living process so that it can be told from a later one.
func procOf(pid int) (procFile, error) {
	s, err := readStat(pid)
	return procFile{PID: pid, Started: s.started, Boot: BootID()}, err
}

// BootID names this boot of the machine; "" if the kernel does not tell.
func BootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text))
}
