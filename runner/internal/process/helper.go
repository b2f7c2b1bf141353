package process

import (
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

	"rota/internal/become"
)

// selfExe is the running binary, also after it was replaced on the disk.
const selfExe = "/proc/self/exe"

// The names, as argv[0], under which rota starts itself, beside [become.Name].
const (
	HelperName = "rota-helper"
	ShimName   = "rota-shim"
)

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

// helperFailureFD is a descriptor beside those of package become: where the error
// of a built-in goes.
const helperFailureFD = become.ReplyFD + 1

// helperReply is what a helper that opens files says before the program begins,
// one value after the other.
type helperReply struct {
	Secrets [][]byte        `json:",omitempty"` // values in the environment of the program
	Failure *become.Failure `json:",omitempty"` // why it cannot begin
	Err     string          `json:",omitempty"` // the same, of what concerns its files
}

const (
	// replyMax bounds in bytes what a helper may say.
	replyMax = 16 << 20
	// killTime is how long a process may take to die of KILL.
	killTime = 5 * time.Second
)

// startByHelper has a helper process become the program: rota itself, between fork
// and exec. The helper gets an empty environment, and a session of its own. First
// it takes the rights of the task, then it opens the files of the task and enters
// its directory, and last it becomes the program, with the environment that was
// made for that. So nothing is read or done for a user that the user could not
// read or do, and what makes it wait is the task's own affair.
//
// There are two of them. Package become is for a program alone, and quick. If the
// task has files to be read, or is an action of rota's own, it is RunHelper.
func (p *program) startByHelper(ctx context.Context) (*proc, []string, error) {
	if p.BuiltIn != nil || p.Env.File != "" || len(p.Env.Sources) > 0 {
		text, err := json.Marshal(p.spec)
		if err != nil {
			return nil, nil, err
		}
		return p.help(ctx, HelperName, text, p.awaitFiles)
	}
	env, secrets, err := p.Env.resolve(nil)
	if err != nil {
		return nil, nil, err
	}
	text := (&become.Spec{Rights: p.Rights, Argv: p.Argv, Env: env, Dir: p.Dir}).Encode()
	return p.help(ctx, become.Name, text, func(reply io.Reader) ([]string, error) {
		said, err := io.ReadAll(io.LimitReader(reply, 100))
		if f := become.DecodeFailure(said); err == nil && f != nil {
			err = p.failed(f, env)
		}
		return secrets, err
	})
}

// help starts a helper of that name and waits, by await, until the program has
// begun, or cannot begin, or ctx ends.
func (p *program) help(ctx context.Context, name string, text []byte, await func(reply io.Reader) ([]string, error)) (*proc, []string, error) {
	what, err := memfd("spec", text)
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
	proc, err := fork(selfExe, []string{name}, &syscall.ProcAttr{Dir: "/", Env: []string{}, Files: files, Sys: p.session()})
	if err != nil {
		return nil, nil, fmt.Errorf("the helper process: %w", err)
	}
	answer.Close()
	defer context.AfterFunc(ctx, func() { _ = reply.SetReadDeadline(time.Now()) })()
	secrets, err := await(reply)
	if err == nil {
		return proc, secrets, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	// It waits for something that may never come, or has ended.
	_ = proc.signal(syscall.SIGKILL)
	select {
	case <-proc.watch():
		_, _, _ = proc.reap()
	case <-time.After(killTime):
		err = fmt.Errorf("%w; its helper process %d is still alive after KILL", err, proc.pid)
		go proc.abandon()
	}
	return nil, nil, err
}

// awaitFiles waits for the answer of a helper that opens files.
func (p *program) awaitFiles(reply io.Reader) (secrets []string, err error) {
	for said := json.NewDecoder(io.LimitReader(reply, replyMax)); ; {
		var r helperReply
		switch err := said.Decode(&r); {
		case errors.Is(err, io.EOF):
			return secrets, nil
		case err != nil:
			return nil, fmt.Errorf("the answer of the helper process: %w", err)
		case r.Failure != nil:
			return nil, p.failed(r.Failure, nil)
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

// RunHelper is the helper process that opens files; see startByHelper. It never
// returns. builtIn runs what BuiltIn of a [Launch] says.
func RunHelper(builtIn func(text json.RawMessage) error) {
	// Rights, keyring and exec must be those of one thread.
	runtime.LockOSThread()
	_ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	reply := json.NewEncoder(os.NewFile(become.ReplyFD, "reply"))
	fail := func(r helperReply) {
		_ = reply.Encode(r)
		syscall.Exit(125)
	}
	var s spec
	if err := json.NewDecoder(os.NewFile(become.SpecFD, "spec")).Decode(&s); err != nil {
		fail(helperReply{Err: err.Error()})
	}
	s.Threads = s.BuiltIn != nil
	if f := s.Take(); f != nil {
		fail(helperReply{Failure: f})
	}
	if err := syscall.Chdir(s.Dir); err != nil {
		fail(helperReply{Failure: &become.Failure{Step: become.Enter, Errno: err.(syscall.Errno)}})
	}
	env, secrets, err := s.Env.resolve(openerFor(s.As, s.Trust))
	if err != nil {
		fail(helperReply{Err: err.Error()})
	}
	var values [][]byte // JSON would change what is no text
	for _, secret := range secrets {
		values = append(values, []byte(secret))
	}
	if err := reply.Encode(helperReply{Secrets: values}); err != nil {
		fail(helperReply{Err: err.Error()})
	}
	if s.BuiltIn != nil {
		syscall.Close(become.ReplyFD)
		// Not os.Exit, which takes a second where races are looked for.
		syscall.Exit(s.builtIn(env, os.NewFile(helperFailureFD, "failure"), builtIn))
	}
	path, ok := become.LookPath(s.Argv[0], env, s.Dir)
	if !ok {
		fail(helperReply{Err: s.failed(&become.Failure{Step: become.Find}, env).Error()})
	}
	if f := s.Last(); f != nil {
		fail(helperReply{Failure: f})
	}
	fail(helperReply{Err: startError(&s, env, syscall.Exec(path, s.Argv, env)).Error()})
}

// builtIn runs an action in this process, and returns its exit code. What comes
// with the environment, such as a proxy, is as good as the user who set it.
func (s *spec) builtIn(env []string, failure io.Writer, run func(text json.RawMessage) error) int {
	for _, kv := range env {
		name, v, _ := strings.Cut(kv, "=")
		_ = os.Setenv(name, v)
	}
	err := run(s.BuiltIn)
	if err == nil {
		return 0
	}
	_, _ = io.WriteString(failure, err.Error())
	return builtInFailed
}

// builtInError is the error of a built-in that ran in its own process: the one that
// it left there.
func builtInError(failure *os.File, err error) error {
	var exit *Exit
	if !errors.As(err, &exit) || exit.Code != builtInFailed {
		return err
	}
	text, _ := io.ReadAll(io.NewSectionReader(failure, 0, 64<<10))
	if len(text) == 0 {
		return err
	}
	return errors.New(string(text))
}
