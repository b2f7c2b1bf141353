package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// selfExe is the running binary, also after it was replaced on the disk.
const selfExe = "/proc/self/exe"

// The names, as argv[0], under which rota starts itself.
const (
	helperName = "rota-helper"
	shimName   = "rota-shim"
)

// A process that rota started as a helper never gets further than this: what
// other packages prepare for the command line or the daemon, which is most of
// the time that a start takes, is not for it. A program that imports this
// package has its helpers by that alone.
func init() {
	switch os.Args[0] {
	case helperName:
		runHelper()
	case shimName:
		os.Exit(runShim())
	}
}

// needs fills in what must be set up for a process.
func (s *spec) needs(p Process) {
	s.Nice, s.Limits = p.Nice, p.Limits
	if mask := int(p.Umask); mask != currentUmask() {
		s.Umask = &mask
	}
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

// The descriptors that a helper inherits.
const (
	helperSpecFD    = 3 + iota
	helperReplyFD   // where it answers, see helperReply; its end says that the program has begun
	helperFailureFD // of a built-in alone: where its error goes
)

// helperReply is what a helper says before the program begins, one value after
// the other.
type helperReply struct {
	Secrets [][]byte `json:",omitempty"` // values in the environment of the program
	Err     string   `json:",omitempty"` // why it cannot begin
}

const (
	// replyMax bounds in bytes what a helper may say.
	replyMax = 16 << 20
	// killTime is how long a process may take to die of KILL.
	killTime = 5 * time.Second
)

// startByHelper has a helper process become the program. The helper gets an empty
// environment, and in a session of its own.
func (p *program) startByHelper(ctx context.Context) (*process, []string, error) {
	what, err := memfd(p.spec)
	if err != nil {
		return nil, nil, err
	}
	defer what.Close()
	reply, answer, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer reply.Close()
	defer answer.Close()
	files := append(p.descriptors(), what.Fd(), answer.Fd())
	if p.failure != nil {
		files = append(files, p.failure.Fd())
	}
	proc, err := fork(selfExe, []string{helperName}, &syscall.ProcAttr{Dir: "/", Env: []string{}, Files: files, Sys: p.session()})
	if err != nil {
		return nil, nil, fmt.Errorf("the helper process: %w", err)
	}
	answer.Close()
	secrets, err := awaitBegin(ctx, reply)
	if err == nil {
		return proc, secrets, nil
	}
	// It waits for something that may never come, or has ended.
	_ = proc.signal(syscall.SIGKILL)
	select {
	case <-proc.exited:
		_, _ = proc.reap()
	case <-time.After(killTime):
		err = fmt.Errorf("%w; its helper process %d is still alive after KILL", err, proc.pid)
		go func() {
			<-proc.exited
			_, _ = proc.reap()
		}()
	}
	return nil, nil, err
}

// awaitBegin waits until the program of a helper has begun, or cannot begin, or
// ctx ends.
func awaitBegin(ctx context.Context, reply *os.File) (secrets []string, err error) {
	defer context.AfterFunc(ctx, func() { _ = reply.SetReadDeadline(time.Now()) })()
	for said := json.NewDecoder(io.LimitReader(reply, replyMax)); ; {
		var r helperReply
		switch err := said.Decode(&r); {
		case errors.Is(err, io.EOF):
			return secrets, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, fmt.Errorf("the answer of the helper process: %w", err)
		case r.Err != "":
			return nil, errors.New(r.Err)
		}
		for _, secret := range r.Secrets {
			secrets = append(secrets, string(secret))
		}
	}
}

// builtInFailed is the exit code of the process of a built-in that has left its
// error in the descriptor for it.
const builtInFailed = 1

// runHelper is a helper process: rota itself, between fork and the program. First
// it becomes what the task asks for, then it opens the files of the task and
// enters its directory, and last it becomes the program, with the environment
// that was made for that. So nothing is read or done for a user that the user
// could not read or do, and what makes it wait is the task's own affair.
func runHelper() {
	// Credentials, keyring and exec must be those of one thread.
	runtime.LockOSThread()
	_ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	reply := json.NewEncoder(os.NewFile(helperReplyFD, "reply"))
	fail := func(err error) {
		_ = reply.Encode(helperReply{Err: err.Error()})
		syscall.Exit(125)
	}
	var s spec
	if err := json.NewDecoder(os.NewFile(helperSpecFD, "spec")).Decode(&s); err != nil {
		fail(err)
	}
	if err := s.become(); err != nil {
		fail(err)
	}
	if err := s.enter(); err != nil {
		fail(err)
	}
	env, secrets, err := s.Env.resolve(openerFor(s.As, s.Trust))
	if err != nil {
		fail(err)
	}
	var values [][]byte // JSON would change what is no text
	for _, secret := range secrets {
		values = append(values, []byte(secret))
	}
	if err := reply.Encode(helperReply{Secrets: values}); err != nil {
		fail(err)
	}
	if s.BuiltIn != nil {
		syscall.Close(helperReplyFD)
		// Not os.Exit, which takes a second where races are looked for.
		syscall.Exit(s.builtIn(env, os.NewFile(helperFailureFD, "failure")))
	}
	path, err := lookPath(s.Argv[0], env, s.Dir)
	if err != nil {
		fail(err)
	}
	if err := s.limitFiles(); err != nil {
		fail(err)
	}
	fail(startError(&s, env, syscall.Exec(path, s.Argv, env)))
}

// become gives this process its limits, priority and umask, which may need root,
// then its user, and last a session keyring of its own.
func (s *spec) become() error {
	if s.Umask != nil {
		syscall.Umask(*s.Umask)
	}
	if os.Geteuid() == 0 {
		_ = os.WriteFile("/proc/self/oom_score_adj", []byte("0"), 0)
	}
	if s.Nice != nil {
		// That of this thread is that of the program; a built-in has more threads,
		// and is a group by itself.
		which := unix.PRIO_PROCESS
		if s.BuiltIn != nil {
			which = unix.PRIO_PGRP
		}
		if err := unix.Setpriority(which, 0, *s.Nice); err != nil {
			return fmt.Errorf("nice = %d: %w", *s.Nice, err)
		}
	}
	for _, l := range []struct {
		key   string
		which int
		value *uint64
	}{
		{"files", unix.RLIMIT_NOFILE, s.Files},
		{"cpu_time", unix.RLIMIT_CPU, s.CPUTime},
		{"file_size", unix.RLIMIT_FSIZE, s.FileSize},
		{"core", unix.RLIMIT_CORE, s.Core},
	} {
		if l.value == nil || l.key == "files" && *l.value < helperFiles {
			continue
		}
		if err := setLimit(l.key, l.which, *l.value); err != nil {
			return err
		}
	}
	if s.As == nil {
		return nil
	}
	groups := make([]int, len(s.As.Groups))
	for i, g := range s.As.Groups {
		groups[i] = int(g)
	}
	if err := cmp.Or(syscall.Setgroups(groups), syscall.Setgid(int(s.As.GID)), syscall.Setuid(int(s.As.UID))); err != nil {
		if errors.Is(err, syscall.EPERM) {
			return fmt.Errorf("only root can run tasks as %s; rota has user id %d", s.As.Name, os.Getuid())
		}
		return fmt.Errorf("user %s: %w", s.As.Name, err)
	}
	// Not that of rota, in which all tasks could find what one of them left. A
	// kernel without keyrings has none to share.
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("session keyring: %w", err)
	}
	return nil
}

// helperFiles is how many files a helper may have to open itself: a smaller limit
// is set last.
const helperFiles = 32

func (s *spec) limitFiles() error {
	if s.Files == nil || *s.Files >= helperFiles {
		return nil
	}
	return setLimit("files", unix.RLIMIT_NOFILE, *s.Files)
}

// setLimit sets a limit by syscall, whose Setrlimit keeps the Go runtime from
// putting the old number of files back at exec.
func setLimit(key string, which int, value uint64) error {
	if err := syscall.Setrlimit(which, &syscall.Rlimit{Cur: value, Max: value}); err != nil {
		return fmt.Errorf("limits.%s = %d: %w", key, value, err)
	}
	return nil
}

// enter changes to the directory of the task.
func (s *spec) enter() error {
	err := syscall.Chdir(s.Dir)
	switch {
	case err == nil:
		return nil
	case s.As != nil && s.Dir == s.As.Home:
		return fmt.Errorf("the home of %s: %s: %w; set dir", s.As.Name, s.Dir, err)
	}
	return fmt.Errorf("dir: %s: %w", s.Dir, err)
}

// builtIn runs an action in this process, and returns its exit code. What comes
// with the environment, such as a proxy, is as good as the user who set it.
func (s *spec) builtIn(env []string, failure io.Writer) int {
	for _, kv := range env {
		name, v, _ := strings.Cut(kv, "=")
		_ = os.Setenv(name, v)
	}
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
