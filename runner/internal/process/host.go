package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"rota/internal/become"
)

// HostProblem is something on this machine that the runs of a task would meet.
type HostProblem struct {
	Key   string // of the task's table, such as "user", "secrets.KEY" or "write.path"; "" for the task itself
	Msg   string // what is wrong
	Hint  string // what to do about it; "" if Msg says it all
	Doubt bool   // a run may well work nevertheless
}

// Host is a look at this machine on behalf of a task, with the rights that the task
// has over files.
type Host struct {
	Settings Settings
	Trust    bool              // as in Launch
	At       func(path string) // told of the path that is looked at; may be nil
	Problems []HostProblem     // what was found

	as             *Account // nil: rota itself, or whoever is asked for is not known
	dir            string
	env            []string
	accountUnknown bool // who runs it, or where, is not known
}

// MayHang reports whether one of the files that Surroundings checks, or one of paths, is on
// a file system that may not answer.
func (h *Host) MayHang(paths ...string) bool {
	if mountTable.Far() == nil {
		return false
	}
	s := h.Settings
	if s.EnvFile != "" {
		return true // it may name any PATH
	}
	env := environment{Sources: map[string]string{}}
	for name, source := range s.Secrets {
		if path, ok := strings.CutPrefix(source, "file:"); ok {
			env.Sources[name] = path
		}
	}
	paths = append(append(paths, env.files()...), s.Dir, s.Base)
	paths = append(paths, filepath.SplitList(os.Getenv("PATH"))...)
	if s.User != "" {
		if as, err := LookupUser(context.Background(), s.User, ""); err == nil {
			paths = append(paths, as.Home)
		}
	}
	return AnyMayHang(paths...)
}

// Candidates are the files that a start may look at to find a program, if no
// env_file sets PATH.
func (h *Host) Candidates(program string) []string {
	s := h.Settings
	dir := cmp.Or(s.Dir, s.Base)
	switch {
	case program == "":
		return nil
	case strings.Contains(program, "/"):
		return []string{absolute(dir, program)}
	}
	return candidates(program, []string{"PATH=" + cmp.Or(expand(s.Env["PATH"], os.Getenv), os.Getenv("PATH"))}, dir)
}

// reportPath reports the path that is checked now.
func (h *Host) reportPath(path string) {
	if h.At != nil {
		h.At(path)
	}
}

// Add adds a problem.
func (h *Host) Add(key, hint, format string, args ...any) {
	h.Problems = append(h.Problems, HostProblem{Key: key, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// doubt adds what need not be one.
func (h *Host) doubt(key, hint, format string, args ...any) {
	h.Add(key, hint, format, args...)
	h.Problems[len(h.Problems)-1].Doubt = true
}

// Surroundings looks at the user, the directory and the environment of a process,
// which a command or a built-in action becomes.
func (h *Host) Surroundings(command bool) {
	p := h.Settings
	h.user(p)
	h.dir = p.Dir
	key, hint := "dir", ""
	if h.dir == "" {
		switch {
		case !command:
			h.dir = "/"
		case p.User != "" && h.as != nil:
			key, hint, h.dir = "user", "set dir", h.as.Home
		default:
			h.dir = p.Base
		}
	}
	if !h.accountUnknown {
		before := len(h.Problems)
		if h.Directory(key, h.dir, unix.X_OK); hint != "" && len(h.Problems) > before {
			f := &h.Problems[before]
			f.Msg, f.Hint = "their home: "+f.Msg, hint
		}
	}
	as := h.as
	if p.User == "" {
		as = nil
	}
	e := &environment{}
	e.Program, e.Tools = ownProgram()
	if as == nil {
		e.Base = inherited.without(p.DropEnv)
	} else {
		e.login(as)
	}
	e.Set = p.Env
	open := openerFor(h.as, h.Trust)
	if e.File = p.EnvFile; e.File != "" {
		h.reportPath(p.EnvFile)
		err := h.as.try(func() error { return readEnvFile(map[string]string{}, e.File, open) })
		if err != nil {
			h.Add("env_file", "", "%s", strings.TrimPrefix(err.Error(), "env_file: "))
			e.File = ""
		}
	}
	_ = h.as.try(func() (err error) { h.env, _, err = e.resolve(open); return err })
	for _, name := range slices.Sorted(maps.Keys(p.Secrets)) {
		h.secret("secrets."+name, p.Secrets[name], open)
	}
}

// user looks for the account, and whether rota can become it.
func (h *Host) user(p Settings) {
	group := p.Group
	if group != "" {
		gid, err := LookupGroup(context.Background(), group)
		switch {
		case err != nil:
			h.Add("group", "", "%v", err)
			h.accountUnknown, group = true, ""
		case p.User == "" && os.Getuid() != 0 && int(gid) != os.Getgid():
			h.Add("group", "if rota runs as root, check as root", "only root can run tasks as group %s; this check has user id %d", group, os.Getuid())
		}
	}
	if p.User == "" {
		return
	}
	as, err := LookupUser(context.Background(), p.User, group)
	switch {
	case err != nil:
		h.Add("user", "", "%v", err)
		h.accountUnknown = true
	case os.Getuid() != 0 && !as.isSelf():
		h.Add("user", "if rota runs as root, check as root", "only root can run tasks as %s; this check has user id %d", as.Name, os.Getuid())
		h.as, h.accountUnknown = as, true
	default:
		h.as = as
	}
}

// secret looks at where a secret comes from. What systemd gives to rota alone is
// not here to be seen.
func (h *Host) secret(key, source string, open opener) {
	kind, name, _ := strings.Cut(source, ":")
	var err error
	if kind == "file" {
		h.reportPath(name)
		err = h.as.try(func() error { _, err := readSecret(name, open); return err })
	} else {
		_, err = ownSecret(source)
	}
	switch {
	case err == nil:
	case kind == "cred" && os.Getenv("CREDENTIALS_DIRECTORY") == "":
		h.doubt(key, "rota's unit needs LoadCredential="+name+":/path", "$CREDENTIALS_DIRECTORY is not set here")
	case kind == "env":
		h.doubt(key, "it must be set where rota is started", "%s is not in the environment here", name)
	default:
		h.Add(key, "", "%v", err)
	}
}

// Program looks for one as a start would.
func (h *Host) Program(key, name string) {
	h.reportPath(name)
	path, ok := become.LookPath(name, h.env, h.dir)
	if !ok {
		if !h.accountUnknown {
			h.Add(key, "install it, or write its path", "no program %q in PATH=%s", name, become.Variable("PATH", h.env))
		}
		return
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(h.dir, path)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		h.Add(key, "", "%s is a directory", path)
		return
	}
	h.checkAccess(key, path, unix.X_OK, "run")
}

// Directory looks for one that can be used as access(2) means how.
func (h *Host) Directory(key, path string, how uint32) {
	h.reportPath(path)
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		h.Add(key, "", "%s is not a directory", path)
	case how == unix.X_OK:
		h.checkAccess(key, path, how, "enter")
	default:
		h.checkAccess(key, path, how, "write to")
	}
}

// DirectoryOf looks for the directory of a file that will be written.
func (h *Host) DirectoryOf(key, path string, toEnd bool) {
	if path == "" {
		return
	}
	h.reportPath(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if _, err := os.Stat(path); err == nil && toEnd {
		h.checkAccess(key, path, unix.W_OK, "write to")
		return
	}
	h.Directory(key, filepath.Dir(path), unix.W_OK|unix.X_OK)
}

// Readable looks for a file that will be read.
func (h *Host) Readable(key, path string) {
	if path != "" {
		h.checkAccess(key, path, unix.R_OK, "read")
	}
}

// checkAccess checks whether the user of the task can access a path.
func (h *Host) checkAccess(key, path string, how uint32, verb string) {
	h.reportPath(path)
	if h.accountUnknown {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			h.Add(key, "", "%s does not exist", path)
		}
		return
	}
	err := h.as.try(func() error { return unix.Faccessat(unix.AT_FDCWD, path, how, unix.AT_EACCESS) })
	who := "rota"
	if h.as != nil {
		who = h.as.Name
	} else if os.Getuid() != 0 {
		who = fmt.Sprintf("user id %d", os.Getuid())
	}
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		h.Add(key, "", "%s does not exist", path)
	case errors.Is(err, fs.ErrPermission):
		h.Add(key, "", "%s may not %s %s", who, verb, path)
	default:
		h.Add(key, "", "%s: %v", path, err)
	}
}

// try calls f with the rights that the account has over files. f must not start
// a goroutine.
func (a *Account) try(f func() error) error {
	if a == nil || os.Getuid() != 0 {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with what it was given
		groups := make([]int, len(a.Groups))
		for i, g := range a.Groups {
			groups[i] = int(g)
		}
		err := unix.Setgroups(groups)
		if err == nil {
			err = unix.Setfsgid(int(a.GID))
		}
		if err == nil {
			err = unix.Setfsuid(int(a.UID))
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}
