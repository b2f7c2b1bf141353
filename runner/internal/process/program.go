package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rota/internal/become"
	"rota/internal/mounts"
	"rota/internal/trust"
)

// spec is what to start, and all that must be so before it begins. It names
// files without having opened them: who opens them must have the rights of the
// task.
type spec struct {
	become.Rights
	Argv  []string
	Dir   string
	Env   environment
	As    *Account // nil: rota's own
	Trust bool     // files of rota's own tasks may be changed by others

	BuiltIn json.RawMessage `json:",omitempty"` // instead of a program: an action of rota's own
}

// needs fills in the rights that a task asks for.
func (s *spec) needs(p Settings) {
	if s.Nice = p.Nice; int(p.Umask) != currentUmask() {
		mask := int(p.Umask)
		s.Umask = &mask
	}
	for i, l := range limitKeys {
		if v := l.of(&p.Limits); v != nil {
			s.Rights.Limits[i] = &become.Limit{Which: l.which, Value: *v}
		}
	}
	if s.As != nil {
		s.User = &become.User{UID: s.As.UID, GID: s.As.GID, Groups: s.As.Groups}
	}
}

// failed says in words why a process could not become the program.
func (s *spec) failed(f *become.Failure, env []string) error {
	switch f.Step {
	case become.Nice:
		return fmt.Errorf("nice = %d: %w", *s.Nice, f)
	case become.Limits:
		for i, l := range limitKeys {
			if l.which == f.Which && s.Rights.Limits[i] != nil {
				return fmt.Errorf("limits.%s = %d: %w", l.key, s.Rights.Limits[i].Value, f)
			}
		}
	case become.Groups:
		if f.Errno == syscall.EPERM {
			return fmt.Errorf("only root can run tasks as %s; rota has user id %d", s.As.Name, os.Getuid())
		}
		return fmt.Errorf("user %s: %w", s.As.Name, f)
	case become.Keyring:
		return fmt.Errorf("session keyring: %w", f)
	case become.Enter:
		if s.As != nil && s.Dir == s.As.Home {
			return fmt.Errorf("the home of %s: %s: %w; set dir", s.As.Name, s.Dir, f)
		}
		return fmt.Errorf("dir: %s: %w", s.Dir, f)
	case become.Find:
		return fmt.Errorf("no program %q in PATH=%s", s.Argv[0], become.Variable("PATH", env))
	case become.Exec:
		return startError(s, env, f)
	}
	return fmt.Errorf("the helper process: %w", f)
}

// program is a spec, and the descriptors that the process gets.
type program struct {
	spec
	files    [3]int   // its stdin, stdout and stderr
	grouped  bool     // if shared: in a group of its own
	shared   bool     // in the session and group of rota, so that the terminal is theirs together
	tty      bool     // its stdin, stdout or stderr is a terminal of its own
	failure  *os.File // where the error of a built-in goes; nil: it is none
	filesErr error    // why it has no files to speak with rota; nil: it has, or needs none
}

// start runs p, and returns the process with the values in its environment that
// are secret. It is the one place where a run becomes a process.
//
// A program runs directly as a child only if nothing about it can make rota
// wait: while a child enters its directory and executes its program the whole
// process stands still. All others, and whatever needs another user, limits or
// umask, are started by a helper process that takes the rights of the task before
// it looks at any file of the task; see startByHelper.
//
// The end of ctx ends a start that hangs. That of a helper may, so it does not keep its
// turn.
func (p *program) start(ctx context.Context, turn *starterTurn) (*proc, []string, error) {
	if now, ok := p.resolveLocal(); ok {
		proc, err := fork(now.path, p.Argv, &syscall.ProcAttr{Dir: p.Dir, Env: now.env, Files: p.descriptors(), Sys: p.session()})
		if err != nil {
			return nil, nil, startError(&p.spec, now.env, err)
		}
		return proc, now.secrets, nil
	}
	turn.end()
	return p.startByHelper(ctx)
}

func (p *program) descriptors() []uintptr {
	return []uintptr{uintptr(p.files[0]), uintptr(p.files[1]), uintptr(p.files[2])}
}

// session is what kind of session the process gets: one of its own, without a
// terminal or with one that is not rota's, so that it can neither read nor feed
// what is typed to rota.
func (p *program) session() *syscall.SysProcAttr {
	if p.shared {
		return &syscall.SysProcAttr{Setpgid: p.grouped}
	}
	attr := &syscall.SysProcAttr{Setsid: true}
	if p.tty {
		attr.Setctty = true
		for i, fd := range p.files {
			if isTTY(fd) {
				attr.Ctty = i
				break
			}
		}
	}
	return attr
}

// ready is a program of which everything was looked up.
type ready struct {
	path    string
	env     []string
	secrets []string
}

// resolveLocal looks everything up, and reports whether the program can be started
// directly: it needs nothing set up, and its files are on this machine and in
// trusted hands, so that neither a network file system nor the lease of another
// user can hold up its start. What is wrong is not told: the helper tells it.
func (p *program) resolveLocal() (now ready, ok bool) {
	if p.Rights != (become.Rights{}) || p.BuiltIn != nil {
		return now, false
	}
	far := mountTable.Far()
	for _, path := range p.Env.files() {
		if mayHang(path, far) {
			return now, false
		}
	}
	var err error
	if now.env, now.secrets, err = p.Env.resolve(openerFor(p.As, p.Trust)); err != nil {
		return now, false
	}
	if far != nil && !strings.Contains(p.Argv[0], "/") {
		if slices.ContainsFunc(candidates(p.Argv[0], now.env, p.Dir), func(path string) bool { return mayHang(path, far) }) {
			return now, false
		}
	}
	mounted := mountTable.Generation()
	if !localDirs.check(mounted, p.Dir, func() bool { return isLocalFile(p.Dir, far, unix.S_IFDIR) }) {
		return now, false
	}
	if now.path, ok = become.LookPath(p.Argv[0], now.env, p.Dir); !ok {
		return now, false
	}
	file := absolute(p.Dir, now.path)
	return now, localPrograms.check(mounted, file, func() bool { return isLocalProgram(file, far) })
}

// isLocalProgram reports whether a program, and all that interpret it, are near.
func isLocalProgram(file string, far func(string) bool) bool {
	for range 5 { // as many interpreters as the kernel follows
		if !isLocalFile(file, far, unix.S_IFREG) {
			return false
		}
		var ok bool
		if file, ok = interpreter(file); !ok || file == "" {
			return ok
		}
	}
	return false
}

// What was found to be local a moment ago. Only root, or the user of rota, can have changed that
// since, other than by a mount, which is noticed: the same directories are not walked for each run.
var localDirs, localPrograms recentCache

// recentCache remembers for recentTTL which names passed a check, until another file system
// is mounted.
type recentCache struct {
	mu      sync.Mutex
	began   time.Time
	mounted int // the generation of the mount table
	found   map[string]bool
}

// recentTTL is how long a result is valid.
const recentTTL = 5 * time.Second

// check calls look, unless the name passed a moment ago and the mount table is of the same
// generation. A name that did not pass is checked again each time.
func (r *recentCache) check(mounted int, name string, look func() bool) bool {
	now := time.Now()
	r.mu.Lock()
	if now.Sub(r.began) > recentTTL || mounted != r.mounted {
		r.began, r.mounted, r.found = now, mounted, map[string]bool{}
	}
	found := r.found[name]
	r.mu.Unlock()
	if found || !look() {
		return found
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found[name] = true
	return true
}

// candidates are the files that [become.LookPath] may look at, each of which may
// be a link to another file system.
func candidates(program string, env []string, dir string) (paths []string) {
	for _, in := range filepath.SplitList(become.Variable("PATH", env)) {
		paths = append(paths, absolute(dir, in)+"/"+program)
	}
	return paths
}

// mountTable tells which mount points rota must not touch by itself.
var mountTable mounts.Table

// AnyMayHang reports whether one of some files is on a file system that may not answer.
// Paths that are not absolute do not count.
func AnyMayHang(paths ...string) bool {
	far := mountTable.Far()
	return far != nil && slices.ContainsFunc(paths, func(path string) bool { return filepath.IsAbs(path) && mayHang(path, far) })
}

// mayHang reports whether a path leads to a file system that may not answer.
func mayHang(path string, far func(string) bool) bool {
	if far == nil {
		return false
	}
	w, err := trust.AnyUser.FollowOutside(path, far)
	if err != nil {
		return errors.Is(err, trust.ErrAvoided)
	}
	w.Close()
	return false
}

// isLocalFile reports whether a path leads to something of a kind that nobody else
// can change, on a file system that answers.
func isLocalFile(path string, far func(string) bool, kind uint32) bool {
	w, err := trust.RootAndSelf.FollowOutside(path, far)
	if err != nil {
		return false
	}
	defer w.Close()
	others, err := w.Itself()
	return w.Others() == nil && others == nil && err == nil && w.Kind() == kind
}

// interpreter returns the program that a script is for, "" if the file is none;
// ok is false if that cannot be told.
func interpreter(path string) (program string, ok bool) {
	f, _, err := OpenRegular(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	var head [256]byte
	n, _ := f.Read(head[:])
	line, script := strings.CutPrefix(string(head[:n]), "#!")
	if !script {
		return "", true
	}
	line, _, _ = strings.Cut(line, "\n")
	if words := strings.Fields(line); len(words) > 0 && filepath.IsAbs(words[0]) {
		return words[0], true
	}
	return "", false
}

// absolute is a path that a process in dir names.
func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// startError says in words why a program could not be started.
func startError(s *spec, env []string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%s has no #! line and is not a program", s.Argv[0])
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("%s is more than the system passes to a program; pass large values as input", largest(s.Argv, env))
	}
	return fmt.Errorf("%s: %w", s.Argv[0], err)
}

// largest names what takes most room among the arguments and variables of a
// program. One of them may have 128 KiB, all together by default 2 MiB.
func largest(argv, env []string) string {
	size, total, name := 0, 0, ""
	for _, arg := range argv {
		if total += len(arg); len(arg) > size {
			size, name = len(arg), "an argument"
		}
	}
	for _, kv := range env {
		if total += len(kv); len(kv) > size {
			size = len(kv)
			name, _, _ = strings.Cut(kv, "=")
		}
	}
	return fmt.Sprintf("%s with %d bytes, of %d in all,", name, size, total)
}
