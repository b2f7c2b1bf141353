package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rota/internal/become"
)

// Obstacle is something on this machine that the runs of a task would meet.
type Obstacle struct {
	Problem      // its Key is one of the task's table, such as "user", "secrets.KEY" or "write.path"
	Doubt   bool // a run may well work nevertheless
}

// Obstacles tells what on this machine, and for the user that asks, is in the way
// of a task. It starts nothing but getent, changes nothing, and looks at files
// with the rights of the task. trusting is as Trust in [Options]. Files that may
// not answer are looked at in another process, for a few seconds: that one of them
// does not is an obstacle.
func Obstacles(t Task, trusting bool) []Obstacle {
	h := &host{task: t, trusting: trusting}
	if !h.isFar() {
		return h.look()
	}
	found, err := h.lookApart()
	if err != nil {
		h.add("", "", "its files could not be looked at: %v", err)
	}
	return append(h.found, found...)
}

// isFar reports whether a file of the task may not answer.
func (h *host) isFar() bool {
	far := mountTable.Far()
	if far == nil {
		return false
	}
	t := h.task
	env := environment{File: t.EnvFile, Sources: map[string]string{}}
	for name, source := range t.Secrets {
		if path, ok := strings.CutPrefix(source, "file:"); ok {
			env.Sources[name] = path
		}
	}
	paths := append(env.files(), t.Dir, t.Base)
	if a, ok := t.Action.(interface{ files() []string }); ok {
		paths = append(paths, a.files()...)
	}
	if c, ok := t.Action.(*Command); ok {
		program := append(t.Shell, "")[0]
		if c.Argv != nil {
			program = c.Argv[0]
		}
		paths = append(paths, absolute(cmp.Or(t.Dir, t.Base), program))
	}
	paths = append(paths, filepath.SplitList(os.Getenv("PATH"))...)
	if as, err := lookupUser(context.Background(), t.User, ""); t.User != "" && err == nil {
		paths = append(paths, as.Home)
	}
	return slices.ContainsFunc(paths, func(path string) bool { return filepath.IsAbs(path) && isFar(path, far) })
}

// hostTime bounds how long another process may look at one task.
const hostTime = 3 * time.Second

// lookSpec is what that process is told.
type lookSpec struct {
	Task     Task
	Action   encodedAction
	Trusting bool
}

// sight is what it answers: first what it looks at, last what it found.
type sight struct {
	At    string     `json:",omitempty"`
	Found []Obstacle `json:",omitempty"`
	Done  bool       `json:",omitempty"`
}

// lookApart is look in a process of its own, which may be left behind: who waits
// for a file cannot always be killed.
func (h *host) lookApart() ([]Obstacle, error) {
	text, err := json.Marshal(lookSpec{h.task, encodedAction{h.task.Action}, h.trusting})
	if err != nil {
		return nil, err
	}
	spec, err := memfd(text)
	if err != nil {
		return nil, err
	}
	defer spec.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	reply, answer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reply.Close()
	defer answer.Close()
	proc, err := fork(selfExe, []string{lookName}, &syscall.ProcAttr{
		Dir: "/", Env: os.Environ(), Sys: &syscall.SysProcAttr{Setsid: true},
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd(), spec.Fd(), answer.Fd()},
	})
	if err != nil {
		return nil, err
	}
	answer.Close()
	defer func() {
		_ = proc.signal(syscall.SIGKILL)
		go func() { <-proc.exited; _, _ = proc.reap() }()
	}()
	_ = reply.SetReadDeadline(time.Now().Add(hostTime))
	at := "a file of it"
	for said := json.NewDecoder(io.LimitReader(reply, replyMax)); ; {
		var s sight
		switch err := said.Decode(&s); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return []Obstacle{{Problem: Problem{Msg: fmt.Sprintf("%s did not answer within %s", at, hostTime), Hint: "the server of a mounted file system may be away"}}}, nil
		case err != nil:
			return nil, err
		case s.Done:
			return s.Found, nil
		}
		at = cmp.Or(s.At, at)
	}
}

// runLook is the other end of lookApart.
func runLook() {
	_ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	var s lookSpec
	if json.NewDecoder(os.NewFile(become.SpecFD, "spec")).Decode(&s) != nil {
		syscall.Exit(1)
	}
	reply := json.NewEncoder(os.NewFile(become.ReplyFD, "reply"))
	s.Task.Action = s.Action.Action
	h := &host{task: s.Task, trusting: s.Trusting, at: func(path string) { _ = reply.Encode(sight{At: path}) }}
	_ = reply.Encode(sight{Found: h.look(), Done: true})
	syscall.Exit(0)
}

// look finds what there is.
func (h *host) look() []Obstacle {
	t := h.task
	if _, command := t.Action.(*Command); command || t.Mode == Forked || t.User != "" || t.Group != "" {
		h.surroundings()
	}
	switch a := t.Action.(type) {
	case *Command:
		h.command(a)
	case *Write:
		h.folderOf("write.path", a.Path, a.Append)
		h.readable("write.template_file", a.TemplateFile)
	case *HTTP:
		h.readable("http.body_file", a.BodyFile)
		h.folderOf("http.save", a.Save, false)
	case *Clean:
		h.folder("clean.path", a.Path, unix.R_OK|unix.W_OK|unix.X_OK)
	case *Mail:
		if a.Server.Host == "" { // else the server is at fault for all mails at once
			if err := a.Server.Ready(); err != nil {
				h.add("mail", "write [smtp], or install a mail system", "%v", err)
			}
		}
	}
	return h.found
}

// host is a look at the machine on behalf of a task.
type host struct {
	task     Task
	trusting bool
	as       *account // nil: rota itself, or whoever is asked for is not known
	dir      string
	env      []string
	unclear  bool // who runs it, or where, is not known
	found    []Obstacle
	at       func(path string) // told of the path that is looked at; may be nil
}

// looksAt says what is looked at now.
func (h *host) looksAt(path string) {
	if h.at != nil {
		h.at(path)
	}
}

func (h *host) add(key, hint, format string, args ...any) {
	h.found = append(h.found, Obstacle{Problem: Problem{Key: key, Msg: fmt.Sprintf(format, args...), Hint: hint}})
}

// doubt adds what need not be one.
func (h *host) doubt(key, hint, format string, args ...any) {
	h.add(key, hint, format, args...)
	h.found[len(h.found)-1].Doubt = true
}

// surroundings looks at the user, the folder and the environment of a process.
func (h *host) surroundings() {
	p := h.task.Process
	h.user(p)
	h.dir = p.Dir
	key, hint := "dir", ""
	if _, command := h.task.Action.(*Command); h.dir == "" {
		switch {
		case !command:
			h.dir = "/"
		case p.User != "" && h.as != nil:
			key, hint, h.dir = "user", "set dir", h.as.Home
		default:
			h.dir = p.Base
		}
	}
	if !h.unclear {
		before := len(h.found)
		if h.folder(key, h.dir, unix.X_OK); hint != "" && len(h.found) > before {
			f := &h.found[before]
			f.Msg, f.Hint = "their home: "+f.Msg, hint
		}
	}
	as := h.as
	if p.User == "" {
		as = nil
	}
	e := &environment{}
	if as == nil {
		e.inherit(p.DropEnv)
	} else {
		e.login(as)
	}
	e.Set = p.Env
	open := openerFor(h.as, h.trusting)
	if e.File = p.EnvFile; e.File != "" {
		h.looksAt(p.EnvFile)
		err := h.as.try(func() error { return readEnvFile(map[string]string{}, e.File, open) })
		if err != nil {
			h.add("env_file", "", "%s", strings.TrimPrefix(err.Error(), "env_file: "))
			e.File = ""
		}
	}
	_ = h.as.try(func() (err error) { h.env, _, err = e.resolve(open); return err })
	for _, name := range slices.Sorted(maps.Keys(p.Secrets)) {
		h.secret("secrets."+name, p.Secrets[name], open)
	}
}

// user looks for the account, and whether rota can become it.
func (h *host) user(p Process) {
	group := p.Group
	if group != "" {
		gid, err := lookupGroup(context.Background(), group)
		switch {
		case err != nil:
			h.add("group", "", "%v", err)
			h.unclear, group = true, ""
		case p.User == "" && os.Getuid() != 0 && int(gid) != os.Getgid():
			h.add("group", "if rota runs as root, check as root", "only root can run tasks as group %s; this check has user id %d", group, os.Getuid())
		}
	}
	if p.User == "" {
		return
	}
	as, err := lookupUser(context.Background(), p.User, group)
	switch {
	case err != nil:
		h.add("user", "", "%v", err)
		h.unclear = true
	case os.Getuid() != 0 && !as.isSelf():
		h.add("user", "if rota runs as root, check as root", "only root can run tasks as %s; this check has user id %d", as.Name, os.Getuid())
		h.as, h.unclear = as, true
	default:
		h.as = as
	}
}

// secret looks at where a secret comes from. What systemd gives to rota alone is
// not here to be seen.
func (h *host) secret(key, source string, open opener) {
	kind, name, _ := strings.Cut(source, ":")
	var err error
	if kind == "file" {
		h.looksAt(name)
		err = h.as.try(func() error { _, err := readSecret(name, open); return err })
	} else {
		_, err = ownSecret(source)
	}
	switch {
	case err == nil:
	case kind == "cred" && os.Getenv("CREDENTIALS_DIRECTORY") == "":
		h.doubt(key, "rota's unit needs LoadCredential="+name+":/path", "there is no $CREDENTIALS_DIRECTORY here")
	case kind == "env":
		h.doubt(key, "rota needs it, whoever starts it", "%s is not in the environment here", name)
	default:
		h.add(key, "", "%v", err)
	}
}

// command looks for the program.
func (h *host) command(c *Command) {
	if c.Argv != nil {
		h.program("command", c.Argv[0])
		return
	}
	before := len(h.found)
	shell := h.task.Shell
	if h.program("shell", shell[0]); len(h.found) > before {
		return
	}
	word := firstWord(shell, c.Text)
	if word == "" {
		return
	}
	if h.program("command", word); len(h.found) > before {
		h.found[before].Doubt = true // it is the shell that knows
	}
}

// program looks for one as a start would.
func (h *host) program(key, name string) {
	h.looksAt(name)
	path, ok := become.LookPath(name, h.env, h.dir)
	if !ok {
		if !h.unclear {
			h.add(key, "install it, or write its path", "no program %q in PATH=%s", name, become.Variable("PATH", h.env))
		}
		return
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(h.dir, path)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		h.add(key, "", "%s is a folder", path)
		return
	}
	h.can(key, path, unix.X_OK, "run")
}

// folder looks for one.
func (h *host) folder(key, path string, how uint32) {
	h.looksAt(path)
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		h.add(key, "", "%s is no folder", path)
	case how == unix.X_OK:
		h.can(key, path, how, "enter")
	default:
		h.can(key, path, how, "write to")
	}
}

// folderOf looks for the folder of a file that will be written.
func (h *host) folderOf(key, path string, toEnd bool) {
	if path == "" {
		return
	}
	h.looksAt(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if _, err := os.Stat(path); err == nil && toEnd {
		h.can(key, path, unix.W_OK, "write to")
		return
	}
	h.folder(key, filepath.Dir(path), unix.W_OK|unix.X_OK)
}

// readable looks for a file that will be read.
func (h *host) readable(key, path string) {
	if path != "" {
		h.can(key, path, unix.R_OK, "read")
	}
}

// can tells whether the task's user can do something with a path.
func (h *host) can(key, path string, how uint32, verb string) {
	h.looksAt(path)
	if h.unclear {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			h.add(key, "", "there is no %s", path)
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
		h.add(key, "", "there is no %s", path)
	case errors.Is(err, fs.ErrPermission):
		h.add(key, "", "%s may not %s %s", who, verb, path)
	default:
		h.add(key, "", "%s: %v", path, err)
	}
}

// try calls f with the rights that the account has over files. f must not start
// a goroutine.
func (a *account) try(f func() error) error {
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
