package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// selfExe is the running binary, also after it was replaced on the disk.
const selfExe = "/proc/self/exe"

// The names, as argv[0], under which rota starts itself.
const (
	setupName = "rota-setup"
	shimName  = "rota-shim"
)

// Reexec does the work of a helper process of rota, and then ends the process,
// if it was started as one. A program that uses this package calls it first.
func Reexec() {
	switch os.Args[0] {
	case setupName:
		runSetup()
	case shimName:
		os.Exit(runShim())
	}
}

// setup is what must be changed in a process after fork and before its program
// begins, and which only the process itself can change. rota does it in a copy
// of itself that then becomes the program, under the same process id.
type setup struct {
	Umask   *int
	Nice    *int
	Limits  Limits
	Path    string // from here on filled in by handover
	Argv    []string
	UID     *uint32
	GID     uint32
	Groups  []uint32
	BuiltIn *encodedAction // instead of a program: an action of rota's own
	Input   Input          // of the built-in
	failure *os.File       // where its error goes
}

// newSetup returns nil if nothing has to be set up.
func newSetup(p Process) *setup {
	s := setup{Nice: p.Nice, Limits: p.Limits}
	if mask := int(p.Umask); mask != currentUmask() {
		s.Umask = &mask
	}
	if s.Umask == nil && s.Nice == nil && s.Limits == (Limits{}) {
		return nil
	}
	return &s
}

// currentUmask is the umask of this process, which never changes. It is read
// from /proc because umask(2) can only be read by changing it for all threads.
var currentUmask = sync.OnceValue(func() int {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "Umask:"); ok {
			if n, err := strconv.ParseUint(strings.TrimSpace(v), 8, 32); err == nil {
				return int(n)
			}
		}
	}
	return -1
})

// handover is how a setup reaches the process that does it: what to do in
// descriptor 3, and a pipe in 4 that comes back with an error or, when the
// program has begun, with its end. A built-in has 5 for its own error.
type handover struct{ spec, reply, answer *os.File }

func (s setup) handover(p program, path string, attr *syscall.ProcAttr) (*handover, error) {
	s.Path, s.Argv = path, p.argv
	if p.as != nil {
		s.UID, s.GID, s.Groups = &p.as.uid, p.as.gid, p.as.groups
	}
	spec, err := memfd(s)
	if err != nil {
		return nil, err
	}
	reply, answer, err := os.Pipe()
	if err != nil {
		spec.Close()
		return nil, err
	}
	attr.Files = append(attr.Files, spec.Fd(), answer.Fd())
	if s.failure != nil {
		attr.Files = append(attr.Files, s.failure.Fd())
	}
	return &handover{spec, reply, answer}, nil
}

// begun waits until the program has begun and returns nil, or what went wrong.
func (h *handover) begun() error {
	h.answer.Close()
	text, err := io.ReadAll(io.LimitReader(h.reply, 4096))
	if err == nil && len(text) > 0 {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	return err
}

func (h *handover) close() {
	h.spec.Close()
	h.reply.Close()
	h.answer.Close()
}

// builtInFailed is the exit code of the process of a built-in that has left its
// error in the descriptor for it.
const builtInFailed = 1

// runSetup is the other end of a handover. It ends by becoming the program.
func runSetup() {
	reply := os.NewFile(4, "reply")
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	fail := func(err error) {
		fmt.Fprint(reply, err)
		os.Exit(125)
	}
	var s setup
	if err := json.NewDecoder(os.NewFile(3, "spec")).Decode(&s); err != nil {
		fail(err)
	}
	if err := s.apply(); err != nil {
		fail(err)
	}
	if s.BuiltIn != nil {
		reply.Close()
		os.Exit(s.builtIn(os.NewFile(5, "failure")))
	}
	fail(startError(program{argv: s.Argv, env: os.Environ()}, syscall.Exec(s.Path, s.Argv, os.Environ())))
}

// apply changes this process: limits and priority first, which may need root,
// then the user.
func (s *setup) apply() error {
	if s.Umask != nil {
		syscall.Umask(*s.Umask)
	}
	if s.Nice != nil {
		// The group, which is this process alone: "the process" would be
		// one of its threads.
		if err := unix.Setpriority(unix.PRIO_PGRP, 0, *s.Nice); err != nil {
			return fmt.Errorf("nice = %d: %w", *s.Nice, err)
		}
	}
	for _, l := range []struct {
		key   string
		which int
		value *uint64
	}{
		{"files", unix.RLIMIT_NOFILE, s.Limits.Files},
		{"cpu_time", unix.RLIMIT_CPU, s.Limits.CPUTime},
		{"file_size", unix.RLIMIT_FSIZE, s.Limits.FileSize},
		{"core", unix.RLIMIT_CORE, s.Limits.Core},
	} {
		if l.value == nil {
			continue
		}
		// By syscall, whose Setrlimit keeps the Go runtime from putting the
		// old number of files back at exec.
		if err := syscall.Setrlimit(l.which, &syscall.Rlimit{Cur: *l.value, Max: *l.value}); err != nil {
			return fmt.Errorf("limits.%s = %d: %w", l.key, *l.value, err)
		}
	}
	if s.UID == nil {
		return nil
	}
	groups := make([]int, len(s.Groups))
	for i, g := range s.Groups {
		groups[i] = int(g)
	}
	if err := cmp.Or(syscall.Setgroups(groups), syscall.Setgid(int(s.GID)), syscall.Setuid(int(*s.UID))); err != nil {
		return fmt.Errorf("only root can run tasks as another user: %w", err)
	}
	return nil
}

// builtIn runs an action in this process, and returns its exit code.
func (s *setup) builtIn(failure io.Writer) int {
	a := attempt{task: &Task{Action: s.BuiltIn.Action}, in: s.Input, out: NewOutput("", 0, func(line []byte) {
		_, _ = os.Stdout.Write(append(line[:len(line):len(line)], '\n'))
	})}
	err := a.act(context.Background())
	a.out.Close()
	if err == nil {
		return 0
	}
	_, _ = io.WriteString(failure, err.Error())
	return builtInFailed
}
