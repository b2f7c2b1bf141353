package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is a started program that leads a process group of its own. Its end
// is seen without reaping it, so that its group cannot be mistaken for another
// one as long as it is being signalled.
type process struct {
	pid    int
	pidfd  *os.File
	exited chan struct{} // closed when the process has ended
}

// program is what to start.
type program struct {
	path    string // "": argv[0] is looked up in the PATH of env
	argv    []string
	env     []string
	dir     string
	as      *account // nil: as rota itself
	setup   *setup   // nil: nothing has to be changed before it begins
	files   [3]int   // descriptors for its stdin, stdout and stderr
	session bool     // in a session of its own, not just a group
	shared  bool     // in the group of rota, so that the terminal is theirs together
	extra   []int    // more descriptors, from 3 on; not with a setup
	lacks   string   // what it has to do without once it has begun; "": nothing
}

// start runs p. What can go wrong before the program itself begins is an error.
func (p program) start() (*process, error) {
	path := p.path
	if path == "" {
		var err error
		if path, err = lookPath(p.argv[0], p.env, p.dir); err != nil {
			return nil, err
		}
	}
	pidfd := -1
	attr := &syscall.ProcAttr{Dir: p.dir, Env: p.env, Sys: &syscall.SysProcAttr{PidFD: &pidfd}}
	attr.Sys.Setsid = p.session
	attr.Sys.Setpgid = !p.session && !p.shared
	for _, fd := range append(p.files[:], p.extra...) {
		attr.Files = append(attr.Files, uintptr(fd))
	}
	var hand *handover
	argv := p.argv
	switch {
	case p.setup != nil:
		var err error
		if hand, err = p.setup.handover(p, path, attr); err != nil {
			return nil, err
		}
		defer hand.close()
		path, argv = selfExe, []string{setupName}
	case p.as != nil:
		attr.Sys.Credential = p.as.credential()
	}
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return nil, startError(p, err)
	}
	if pidfd < 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		return nil, errors.New("this kernel has no pidfd: rota needs Linux 5.4 or newer")
	}
	proc, err := watch(pid, pidfd)
	if err != nil {
		return nil, err
	}
	if protected() {
		// Tasks are not what the kernel should spare when memory runs out.
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("0"), 0)
	}
	if hand != nil {
		if err := hand.begun(); err != nil {
			<-proc.exited
			_, _ = proc.reap()
			return nil, err
		}
	}
	return proc, nil
}

// startError says in words why a program could not be started.
func startError(p program, err error) error {
	if _, e := os.Stat(p.dir); p.dir != "" && e != nil {
		if p.as != nil && p.dir == p.as.home {
			return fmt.Errorf("the home of %s: %w; set dir", p.as.name, e)
		}
		return fmt.Errorf("dir: %w", e)
	}
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%s has no #! line and is no program", p.argv[0])
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("%s is more than the system passes to a program; give what is large as input", largest(p))
	case errors.Is(err, syscall.EPERM) && p.as != nil:
		return fmt.Errorf("only root can run tasks as %s; rota has user id %d", p.as.name, os.Getuid())
	}
	return fmt.Errorf("%s: %w", p.argv[0], err)
}

// largest names what takes most room among the arguments and variables of a
// program. One of them may have 128 KiB, all together by default 2 MiB.
func largest(p program) string {
	size, total, name := 0, 0, ""
	for _, arg := range p.argv {
		if total += len(arg); len(arg) > size {
			size, name = len(arg), "an argument"
		}
	}
	for _, kv := range p.env {
		if total += len(kv); len(kv) > size {
			size = len(kv)
			name, _, _ = strings.Cut(kv, "=")
		}
	}
	return fmt.Sprintf("%s with %d bytes, of %d in all,", name, size, total)
}

// watch waits for the end of a process in the background: one descriptor in the
// poller of the Go runtime, no thread.
func watch(pid, pidfd int) (*process, error) {
	if err := unix.SetNonblock(pidfd, true); err != nil {
		unix.Close(pidfd)
		return nil, fmt.Errorf("pidfd: %w", err)
	}
	p := &process{pid: pid, pidfd: os.NewFile(uintptr(pidfd), "pidfd"), exited: make(chan struct{})}
	conn, err := p.pidfd.SyscallConn()
	if err != nil {
		p.pidfd.Close()
		return nil, fmt.Errorf("pidfd: %w", err)
	}
	go func() {
		defer close(p.exited)
		_ = conn.Read(func(fd uintptr) bool {
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(poll, 0)
			return n > 0 || err != nil && err != unix.EINTR
		})
	}()
	return p, nil
}

// reap collects the status of a process of our own that has ended and gives up
// its id.
func (p *process) reap() (syscall.WaitStatus, error) {
	defer p.pidfd.Close()
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(p.pid, &status, 0, nil)
		if err != syscall.EINTR {
			return status, err
		}
	}
}

// signal sends a signal to the process alone, by its descriptor: it can never
// reach another one that has the id by now.
func (p *process) signal(sig syscall.Signal) error {
	conn, err := p.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) { failed = unix.PidfdSendSignal(int(fd), sig, nil, 0) })
	return errors.Join(err, failed)
}

// openProcess takes hold of a process that is not our child; its start time,
// in ticks since boot, tells it from a later one of the same id.
func openProcess(pid int, started uint64) (*process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, err
	}
	s, err := readStat(pid)
	if err != nil || s.started != started {
		unix.Close(fd)
		return nil, unix.ESRCH
	}
	return watch(pid, fd)
}

// lookPath finds a program the way the shell of the task would: by the task's
// own PATH, and relative to its folder if the name holds a slash.
func lookPath(file string, env []string, dir string) (string, error) {
	if strings.Contains(file, "/") {
		return file, nil
	}
	path := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	for _, folder := range filepath.SplitList(path) {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(dir, folder)
		}
		full := filepath.Join(folder, file)
		if info, err := os.Stat(full); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return full, nil
		}
	}
	return "", fmt.Errorf("no program %q in PATH=%s", file, path)
}

// protected reports whether rota's own oom_score_adj, which its children
// inherit, is other than 0.
var protected = sync.OnceValue(func() bool {
	text, err := os.ReadFile("/proc/self/oom_score_adj")
	return err == nil && strings.TrimSpace(string(text)) != "0"
})

// credential is the account as the kernel wants it.
func (a *account) credential() *syscall.Credential {
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}

// newMemfd returns an empty file in memory.
func newMemfd(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// memfd returns a descriptor of a file in memory that holds v as JSON.
func memfd(v any) (*os.File, error) {
	f, err := newMemfd("spec")
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(f).Encode(v); err != nil {
		f.Close()
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
