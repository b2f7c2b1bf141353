package process

import (
	"encoding/json"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rota/internal/become"
)

// Replies are those of another process, which may be left behind: who waits for a
// file cannot always be killed.
type Replies struct {
	proc   *proc
	reply  *os.File
	output *json.Decoder
}

// Query starts rota under another name, as argv[0], and gives it what to look at. Its
// answers come within limit, or not at all.
func Query(name string, what any, limit time.Duration) (*Replies, error) {
	text, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	spec, err := memfd("spec", text)
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
	defer answer.Close()
	p, err := fork(selfExe, []string{name}, &syscall.ProcAttr{
		Dir: "/", Env: os.Environ(), Sys: &syscall.SysProcAttr{Setsid: true},
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd(), spec.Fd(), answer.Fd()},
	})
	if err != nil {
		reply.Close()
		return nil, err
	}
	_ = reply.SetReadDeadline(time.Now().Add(limit))
	return &Replies{p, reply, json.NewDecoder(io.LimitReader(reply, replyMax))}, nil
}

// Next waits for the next answer; the error is [os.ErrDeadlineExceeded] if there is
// none in time.
func (a *Replies) Next(v any) error { return a.output.Decode(v) }

// Close ends the process.
func (a *Replies) Close() {
	a.reply.Close()
	_ = a.proc.signal(syscall.SIGKILL)
	go a.proc.abandon()
}

// Reply is the other end of [Query]. It never returns.
func Reply(f func(text []byte, answer func(any)) error) {
	_ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	reply := json.NewEncoder(os.NewFile(become.ReplyFD, "reply"))
	text, err := io.ReadAll(os.NewFile(become.SpecFD, "spec"))
	if err != nil || f(text, func(v any) { _ = reply.Encode(v) }) != nil {
		syscall.Exit(1)
	}
	syscall.Exit(0)
}
