package process

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"syscall"
)

// identity tells a living process from a later one with the same id. It leads a
// session and a process group of the same number. The names are those of the first
// version of the files that hold it.
type identity struct {
	PID     int
	Started uint64 // as in /proc/PID/stat
	Boot    string // the id of this boot of the machine
}

// BootID names this boot of the machine; "" if the kernel does not tell.
func BootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text))
}

// thisBoot is BootID, which is the same as long as this process lives.
var thisBoot = sync.OnceValue(BootID)

// identify describes a living process.
func identify(pid int) (identity, error) {
	s, err := readStat(pid)
	return identity{PID: pid, Started: s.started, Boot: thisBoot()}, err
}

// open takes hold of the process, if it still lives.
func (i identity) open() (*proc, error) {
	if i.Boot != thisBoot() {
		return nil, syscall.ESRCH
	}
	return openProcess(i.PID, i.Started)
}

// record keeps the identity of a process that has begun. Without it only the
// environment tells later which processes are those of the run.
func (l Launch) record(p *proc) {
	if l.Record == "" {
		return
	}
	if id, err := identify(p.pid); err == nil {
		if text, err := json.Marshal(id); err == nil {
			_ = os.WriteFile(l.Record, text, 0o600)
		}
	}
}

// forget removes what record has kept.
func (l Launch) forget() {
	if l.Record != "" {
		_ = os.Remove(l.Record)
	}
}
