package become

import (
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

// Name is the name of a helper process, its argv[0].
const Name = "rota-start"

// The descriptors that a helper inherits after its stdin, stdout and stderr.
const (
	SpecFD  = 3 // a file with the encoded Spec
	ReplyFD = 4 // for the reply
)

func init() {
	if len(os.Args) == 1 && os.Args[0] == Name {
		run()
	}
}

// Spec is the program to execute, with the settings to apply before.
type Spec struct {
	Rights
	Argv []string // the first is found by LookPath
	Env  []string // of the program
	Dir  string
}

// Rights are the user, the limits and the other settings of a process.
type Rights struct {
	Umask   *int      // nil: unchanged
	Nice    *int      // nil: unchanged
	Limits  [4]*Limit // in any order; nil: none
	User    *User     // nil: unchanged
	Threads bool      // change all threads of the process, not just the calling one
}

// Limit is a resource limit, soft and hard alike.
type Limit struct {
	Which int // RLIMIT_…
	Value uint64
}

// User is the user of a process.
type User struct {
	UID, GID uint32
	Groups   []uint32
}

// Step is a step of a helper process.
type Step byte

// The steps, in their order.
const (
	Read    Step = iota + 1 // the spec
	Umask                   // cannot fail
	Nice                    //
	Limits                  // Failure.Which says which
	Groups                  // the user
	Keyring                 // a session keyring of its own
	Enter                   // the directory
	Find                    // the program
	Exec                    // the program
)

// Failure is the reason why a program could not be executed.
type Failure struct {
	Step  Step
	Which int // of Limits: RLIMIT_…
	Errno syscall.Errno
}

func (f *Failure) Error() string { return f.Errno.Error() }
func (f *Failure) Unwrap() error { return f.Errno }

// smallFiles is how many files a helper may need to have open before the program begins:
// a smaller limit is set last, by [Rights.Last].
const smallFiles = 64

// Take sets the limits, priority and umask of the process, which may need root, then its
// user and, with a user, a new session keyring: in the keyring of rota each task could
// find the keys of the others. Without Threads, the caller must lock its goroutine to its
// thread and execute the program from there.
func (r *Rights) Take() *Failure {
	if r.Umask != nil {
		syscall.Umask(*r.Umask)
	}
	if r.Nice != nil {
		which := syscall.PRIO_PROCESS
		if r.Threads {
			which = syscall.PRIO_PGRP // a group that has only this process
		}
		if err := syscall.Setpriority(which, 0, *r.Nice); err != nil {
			return failure(Nice, err)
		}
	}
	for _, l := range r.Limits {
		if l != nil && !l.late() {
			if f := l.set(); f != nil {
				return f
			}
		}
	}
	if r.User == nil {
		return nil
	}
	if err := r.User.become(r.Threads); err != nil {
		return failure(Groups, err)
	}
	// A kernel without keyrings has none to share, and a container may forbid them.
	const joinSessionKeyring = 1
	_, _, errno := syscall.RawSyscall(syscall.SYS_KEYCTL, joinSessionKeyring, 0, 0)
	if errno != 0 && errno != syscall.ENOSYS && errno != syscall.EPERM {
		return failure(Keyring, errno)
	}
	return nil
}

// Last sets the limits that must be set just before the program begins.
func (r *Rights) Last() *Failure {
	for _, l := range r.Limits {
		if l != nil && l.late() {
			if f := l.set(); f != nil {
				return f
			}
		}
	}
	return nil
}

func (l *Limit) late() bool { return l.Which == syscall.RLIMIT_NOFILE && l.Value < smallFiles }

// set sets the limit by package syscall, whose Setrlimit prevents the Go runtime from
// restoring the old number of files at exec.
func (l *Limit) set() *Failure {
	if err := syscall.Setrlimit(l.Which, &syscall.Rlimit{Cur: l.Value, Max: l.Value}); err != nil {
		f := failure(Limits, err)
		f.Which = l.Which
		return f
	}
	return nil
}

// become changes the user: first the groups, which need root.
func (u *User) become(threads bool) error {
	if threads {
		groups := make([]int, len(u.Groups))
		for i, g := range u.Groups {
			groups[i] = int(g)
		}
		if err := syscall.Setgroups(groups); err != nil {
			return err
		}
		if err := syscall.Setgid(int(u.GID)); err != nil {
			return err
		}
		return syscall.Setuid(int(u.UID))
	}
	var first unsafe.Pointer
	if len(u.Groups) > 0 {
		first = unsafe.Pointer(&u.Groups[0])
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(u.Groups)), uintptr(first), 0); errno != 0 {
		return errno
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETGID, uintptr(u.GID), 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETUID, uintptr(u.UID), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func failure(s Step, err error) *Failure {
	errno, _ := err.(syscall.Errno)
	return &Failure{Step: s, Errno: errno}
}

// run is the main function of a helper process. It executes the program, or exits.
func run() {
	syscall.CloseOnExec(SpecFD)
	syscall.CloseOnExec(ReplyFD)
	if f := begin(); f != nil {
		_, _ = syscall.Write(ReplyFD, f.Encode())
	}
	syscall.Exit(125)
}

func begin() *Failure {
	text, err := readAll(SpecFD)
	if err != nil {
		return failure(Read, err)
	}
	s, ok := decode(text)
	if !ok {
		return failure(Read, syscall.EBADMSG)
	}
	if f := s.Take(); f != nil {
		return f
	}
	if err := syscall.Chdir(s.Dir); err != nil {
		return failure(Enter, err)
	}
	path, ok := LookPath(s.Argv[0], s.Env, s.Dir)
	if !ok {
		return failure(Find, syscall.ENOENT)
	}
	if f := s.Last(); f != nil {
		return f
	}
	return failure(Exec, syscall.Exec(path, s.Argv, s.Env))
}

func readAll(fd int) ([]byte, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, err
	}
	text := make([]byte, st.Size)
	for n := 0; n < len(text); {
		m, err := syscall.Pread(fd, text[n:], int64(n))
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m == 0 {
			return text[:n], nil
		}
		n += m
	}
	return text, nil
}

// LookPath finds a program the way the shell of the task would: by the PATH in
// env, and relative to dir if the name holds a slash.
func LookPath(file string, env []string, dir string) (path string, ok bool) {
	for i := range len(file) {
		if file[i] == '/' {
			return file, true
		}
	}
	for list := Variable("PATH", env); list != ""; {
		in := list
		list = ""
		for i := range len(in) {
			if in[i] == ':' {
				in, list = in[:i], in[i+1:]
				break
			}
		}
		if in == "" || in[0] != '/' {
			in = dir + "/" + in
		}
		full := in + "/" + file
		var st syscall.Stat_t
		if syscall.Stat(full, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFREG && st.Mode&0o111 != 0 {
			return full, true
		}
	}
	return "", false
}

// Variable returns the value of a variable in env; "" if it is not set.
func Variable(name string, env []string) (v string) {
	for _, kv := range env {
		if len(kv) > len(name) && kv[len(name)] == '=' && kv[:len(name)] == name {
			v = kv[len(name)+1:]
		}
	}
	return v
}

// number returns a number as a text.
func number[T int | uint32 | uint64](n T) string { return strconv.FormatUint(uint64(n), 10) }
