package process

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// Dir is the directory of one attempt at a forked run. It is all that a daemon and
// the shim know of each other, in files:
//
//	run    what is being run, written by the daemon before the shim is started
//	lock   held by the shim (flock) for as long as it lives
//	go     made by whoever comes first: by the shim, and the run begins, or by
//	       a later daemon, and it never does
//	pid    the process of the command, while it lives
//	errors what the shim itself has to complain of
//	stop   why a daemon stops the run, written before it signals the shim
//	kill   there once a daemon has ended the grace of that stop
//	end    the result, complete or not there
//	left   the result, if something that outlives the run has it open
//
// What run, stop and end hold is up to package runner.
type Dir string

// Dirs returns the directories of all forked runs.
func Dirs(stateDir string) ([]Dir, error) {
	entries, err := os.ReadDir(filepath.Join(stateDir, "runs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var dirs []Dir
	for _, e := range entries {
		dirs = append(dirs, Dir(filepath.Join(stateDir, "runs", e.Name())))
	}
	return dirs, nil
}

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

// Remove removes the directory.
func (d Dir) Remove() error { return os.RemoveAll(string(d)) }

// The files that package runner reads and writes.
const (
	RecordFile = "run"
	EndFile    = "end"
)

// Read reads a file as a whole.
func (d Dir) Read(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

// Changed is when the last file was made in the directory.
func (d Dir) Changed() time.Time {
	info, err := os.Stat(string(d))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Complaints is what the shim itself had to complain of.
func (d Dir) Complaints() string {
	text, _ := os.ReadFile(d.path("errors"))
	return string(text)
}

// Carried reports whether a shim carries the run: it holds the lock. If that cannot
// be told, one may.
func (d Dir) Carried() bool {
	lock, err := d.lock()
	if err == nil {
		lock.Close()
	}
	return err != nil && !errors.Is(err, fs.ErrNotExist)
}

// Begun reports whether the run has begun, or will. If it has not and there is no
// shim, it never will from now on.
func (d Dir) Begun() bool {
	lock, err := d.lock()
	if err != nil {
		return true
	}
	defer lock.Close()
	// Only who makes the file may start the run, or say that it never did.
	return d.begin() != nil
}

// lock takes the lock of the directory. Whoever inherits the descriptor of the
// file holds it too.
func (d Dir) lock() (*os.File, error) {
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
func (d Dir) begin() error {
	f, err := os.OpenFile(d.path("go"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	self, err := identify(os.Getpid())
	if err != nil {
		return err
	}
	return json.NewEncoder(f).Encode(identityFile{self.PID, self.Started, BootID()})
}

// write replaces a file as a whole; durable also asks the disk to keep it.
func (d Dir) write(name string, v any, durable bool) error {
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

func (d Dir) reserve() error {
	return os.WriteFile(d.path(reserved), make([]byte, endRoom), 0o600)
}

// finish writes the end, whole and durably.
func (d Dir) finish(r any) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if len(text) > endRoom {
		return d.write(EndFile, r, true)
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
	if err := os.Rename(d.path(reserved), d.path(EndFile)); err != nil {
		return err
	}
	return d.sync()
}

// sync asks the disk to keep the names in the directory.
func (d Dir) sync() error {
	dir, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// process takes hold of the process that a file names, if it still lives.
func (d Dir) process(name string) (*proc, error) {
	id, err := readIdentity(d.path(name))
	if err != nil {
		return nil, err
	}
	return id.open()
}

// Await blocks until no shim carries the run, as far as that can be told.
func (d Dir) Await() {
	f, err := os.OpenFile(d.path("lock"), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer f.Close()
	for syscall.Flock(int(f.Fd()), syscall.LOCK_EX) == syscall.EINTR {
	}
}
