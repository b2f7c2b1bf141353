package process

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Settings is the surroundings of a command.
type Settings struct {
	User, Group string // "": those of rota
	Dir         string // "": the user's home if there is a User, else Base
	Base        string // the directory of the file, where relative paths start
	Umask       uint32
	Shell       []string // what a command text is appended to
	Stdin       string   // "": /dev/null
	Env         map[string]string
	EnvFile     string // "": none; "-PATH": may be absent
	Nice        *int
	Limits      Limits
	Secrets     map[string]string // name to "file:/p", "cred:NAME" or "env:NAME"
	DropEnv     []string          // names that no task inherits: those some task uses as "env:"
}

// Limits are resource limits as setrlimit(2) means them, soft and hard alike;
// nil is unchanged.
type Limits struct {
	Files    *uint64 `json:"files,omitempty"`     // RLIMIT_NOFILE
	CPUTime  *uint64 `json:"cpu_time,omitempty"`  // RLIMIT_CPU, seconds
	FileSize *uint64 `json:"file_size,omitempty"` // RLIMIT_FSIZE, bytes
	Core     *uint64 `json:"core,omitempty"`      // RLIMIT_CORE, bytes
}

// limitKeys are the limits of a task.
var limitKeys = [4]struct {
	key   string
	which int
	of    func(*Limits) *uint64
}{
	{"files", unix.RLIMIT_NOFILE, func(l *Limits) *uint64 { return l.Files }},
	{"cpu_time", unix.RLIMIT_CPU, func(l *Limits) *uint64 { return l.CPUTime }},
	{"file_size", unix.RLIMIT_FSIZE, func(l *Limits) *uint64 { return l.FileSize }},
	{"core", unix.RLIMIT_CORE, func(l *Limits) *uint64 { return l.Core }},
}

// Termination is how a process tree is stopped.
type Termination struct {
	Signal syscall.Signal // 0: none, the program has its grace to see by itself
	Grace  time.Duration  // until KILL
}

// Signal is the number of a signal by its name without SIG; 0 for "none". A name
// that is unknown is TERM.
func Signal(name string) syscall.Signal {
	if name == "none" {
		return 0
	}
	if n := unix.SignalNum("SIG" + name); n != 0 {
		return n
	}
	return syscall.SIGTERM
}

// SignalKnown reports whether name is the name of a signal without SIG, or "none".
func SignalKnown(name string) bool { return name == "none" || unix.SignalNum("SIG"+name) != 0 }
