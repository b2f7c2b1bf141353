package process

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// identity tells a living process from a later one with the same id. It leads a
// session and a process group of the same number.
type identity struct {
	PID     int
	Started uint64 // as in /proc/PID/stat; or the earliest that this can be
	Latest  uint64 // the latest that it can be; 0: Started is exact
	Boot    string // a digest of the id of this boot of the machine
	Cgroup  string // a digest of the control group where it began; "": not known
}

// identityFile is an identity as files hold it: "go", and the "pid" of version 1.
type identityFile struct {
	PID     int
	Started uint64
	Boot    string // the id itself
}

// BootID names this boot of the machine; "" if the kernel does not tell.
func BootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text))
}

// digest is short, so that an identity fits into the inode of a symbolic link.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// cgroupOf is the control group of a process.
func cgroupOf(pid string) string {
	text, _ := os.ReadFile("/proc/" + pid + "/cgroup")
	return digest(string(text))
}

// These stay the same as long as this process lives. The cgroup is where its children
// begin.
var (
	thisBoot   = sync.OnceValue(func() string { return digest(BootID()) })
	thisCgroup = sync.OnceValue(func() string { return cgroupOf("self") })
)

// identify describes a living process that this one has started.
func identify(pid int) (identity, error) {
	s, err := readStat(pid)
	return identity{PID: pid, Started: s.started, Boot: thisBoot(), Cgroup: thisCgroup()}, err
}

// open takes hold of the process, if it still lives.
func (i identity) open() (*proc, error) {
	if i.Boot != thisBoot() {
		return nil, syscall.ESRCH
	}
	return openProcess(i.PID, i.Started)
}

// leads reports whether the number of the process still is that of its session. The
// kernel gives it to no other as long as the session has a member. If it is a
// process again, and started at another time, the session has gone. present tells
// whether the process itself is there.
func (i identity) leads() (present, leads bool) {
	if i.PID <= 0 || i.Boot != thisBoot() {
		return false, false
	}
	s, err := readStat(i.PID)
	if err != nil {
		return false, errors.Is(err, os.ErrNotExist)
	}
	is := i.Started <= s.started && s.started <= max(i.Started, i.Latest)
	return is, is
}

// began reports whether a process of a session whose leader has gone can be of the
// session that i led: the number may have been another session's since.
func (i identity) began(m Member) bool {
	return m.started >= i.Started && cgroupOf(fmt.Sprint(m.PID)) == i.Cgroup
}

// readIdentity reads what a process was recorded as.
func readIdentity(path string) (i identity, err error) {
	if text, err := os.Readlink(path); err == nil {
		_, err = fmt.Sscanf(text, identityFormat, &i.PID, &i.Started, &i.Boot, &i.Cgroup)
		return i, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return i, err
	}
	var f identityFile
	err = json.Unmarshal(text, &f)
	return f.identity(), err
}

func (f identityFile) identity() identity {
	return identity{PID: f.PID, Started: f.Started, Boot: digest(f.Boot)}
}

// identityFormat is an identity as the target of a symbolic link, where older rotas have
// kept it.
const identityFormat = "%d %d %s %s"

// recordSuffix is that of a name in the directory live where rota kept the identity of a
// process before it had a table of them.
const recordSuffix = ".pid"

// oldRecord is where such a rota kept the identity of the process of an attempt.
func (a Attempt) oldRecord() string { return a.stem() + recordSuffix }

// name is that of the attempt in the table of processes.
func (a Attempt) name() string { return filepath.Base(a.stem()) }

// identity returns what the process of an attempt that is not forked was recorded as.
func (a Attempt) identity() (identity, error) {
	t, err := tableOf(a.StateDir)
	if err == nil {
		var id identity
		if id, err = t.get(a.name()); err == nil {
			return id, nil
		}
	}
	if id, err := readIdentity(a.oldRecord()); err == nil {
		return id, nil
	}
	return identity{}, err
}

// forgetProcess removes what is recorded of the process of an attempt.
func (a Attempt) forgetProcess() {
	if t, err := tableOf(a.StateDir); err == nil {
		t.drop(a.name())
	}
	_ = os.Remove(a.oldRecord())
}

// record keeps the identity of a process that has begun: in the table of processes, or
// of a shim's at the beginning of a file that is there. Without it only the environment
// tells later which processes are those of the run.
func (l Launch) record(p *proc) {
	id := identity{p.pid, p.earliest, p.latest, thisBoot(), thisCgroup()}
	switch {
	case l.Record != "":
		if f, err := os.OpenFile(l.Record, os.O_WRONLY, 0); err == nil {
			_, _ = fmt.Fprintf(f, firstLineFormat, id.PID, id.Started, id.Latest, id.Boot, id.Cgroup)
			f.Close()
		}
	case l.Listed:
		if t, err := tableOf(l.Attempt.StateDir); err == nil {
			_ = t.put(l.Attempt.name(), id)
		}
	}
}

// firstLineFormat is an identity as the first line of a file.
const firstLineFormat = "%d %d %d %s %s\n"

// identity returns what the process of a forked attempt was recorded as.
func (d Dir) identity() (identity, error) {
	if f, err := os.Open(d.path(reserved)); err == nil {
		defer f.Close()
		var i identity
		if _, err := fmt.Fscanf(f, firstLineFormat, &i.PID, &i.Started, &i.Latest, &i.Boot, &i.Cgroup); err == nil {
			return i, nil
		}
	}
	return readIdentity(d.path("pid")) // of an older shim
}

// forget removes what record has kept; in the file of a shim the end of the run replaces
// it.
func (l Launch) forget() {
	if l.Listed {
		if t, err := tableOf(l.Attempt.StateDir); err == nil {
			t.drop(l.Attempt.name())
		}
	}
}
