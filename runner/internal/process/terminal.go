package process

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// pty is a terminal made for one process, and what passes between it and the
// terminal of rota: bytes, and the size of the window. A process of another user
// that had rota's own terminal could type into it, or read what is typed for
// others; and one in the foreground of it would be interrupted by what is typed
// before rota could stop it in its own way.
type pty struct {
	master, slave *os.File
	outer         int // a descriptor of rota's terminal
	restore       *term.State
	sizes         chan os.Signal
	stop          [2]*os.File // a pipe; its end ends the reading of what is typed
	pumps         sync.WaitGroup
	outputDone    chan struct{} // closed when all that the process wrote is shown; nil: nothing is
}

// noPTY is the pty of a process that needs none. All its methods do
// nothing.
var noPTY *pty

// inTerminal gives a program the stdin, stdout and stderr of rota. One that runs
// as another user, or that a person talks to, gets a terminal of its own in the
// place of each that is a terminal.
//
// Another one of rota's user that has no terminal to read from is in a group of its
// own, so that a Ctrl-C reaches rota alone, which stops it. Only where it reads from
// the terminal and writes elsewhere, as before a pager, it is in the foreground with
// rota: a terminal of its own would take from the pager what is typed for that.
func (p *program) inTerminal() (*pty, error) {
	p.files = [3]int{0, 1, 2}
	if p.As == nil && (p.BuiltIn != nil || !isForeground(0) || !isTTY(1)) {
		p.shared, p.grouped = p.BuiltIn == nil, p.BuiltIn == nil && !isTTY(0)
		return noPTY, nil
	}
	outer := slices.IndexFunc(p.files[:], isTTY)
	if outer < 0 {
		return noPTY, nil
	}
	s := &pty{outer: outer, sizes: make(chan os.Signal, 1)}
	if err := s.open(p.As); err != nil {
		s.close()
		return noPTY, err
	}
	for i, fd := range p.files {
		if isTTY(fd) {
			p.files[i] = int(s.slave.Fd())
		}
	}
	p.tty = true
	if isTTY(0) {
		state, err := term.MakeRaw(0)
		if err != nil {
			s.close()
			return noPTY, err
		}
		s.restore = state
	} else if err := s.disableNewlineMapping(); err != nil {
		s.close()
		return noPTY, err
	}
	return s, nil
}

// open makes the pair of a terminal; see pty(7). The process gets its end by
// descriptor and may open it again by name.
func (s *pty) open(as *Account) error {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("/dev/ptmx: %w", err)
	}
	s.master = os.NewFile(uintptr(fd), "/dev/ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return errno
	}
	s.slave = os.NewFile(slave, "terminal")
	if as != nil {
		if err := unix.Fchown(int(slave), int(as.UID), -1); err != nil {
			return err
		}
	}
	s.resize()
	var stop [2]int
	if err := unix.Pipe2(stop[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	s.stop = [2]*os.File{os.NewFile(uintptr(stop[0]), "stop"), os.NewFile(uintptr(stop[1]), "stop")}
	return nil
}

// disableNewlineMapping turns off what the terminal does to line ends: rota's own does it, unless
// that is raw.
func (s *pty) disableNewlineMapping() error {
	state, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	state.Oflag &^= unix.OPOST
	return unix.IoctlSetTermios(int(s.slave.Fd()), unix.TCSETS, state)
}

// resize gives the terminal the size of rota's.
func (s *pty) resize() {
	if size, err := unix.IoctlGetWinsize(s.outer, unix.TIOCGWINSZ); err == nil {
		_ = unix.IoctlSetWinsize(int(s.slave.Fd()), unix.TIOCSWINSZ, size)
	}
}

// start is called when the process has the terminal: now what it writes is shown,
// and what is typed is for it.
func (s *pty) start() {
	if s == noPTY {
		return
	}
	signal.Notify(s.sizes, syscall.SIGWINCH)
	s.outputDone = make(chan struct{})
	go func() {
		defer close(s.outputDone)
		buf := make([]byte, 32<<10)
		for {
			n, err := s.master.Read(buf)
			if n > 0 {
				_, _ = unix.Write(s.outer, buf[:n])
			}
			if err != nil {
				return // EIO once nobody has the terminal open
			}
		}
	}()
	s.pumps.Go(func() {
		for range s.sizes {
			s.resize()
		}
	})
	if isTTY(0) {
		s.pumps.Go(s.copyInput)
	}
}

// copyInput passes on what is typed, until stop is closed.
func (s *pty) copyInput() {
	buf := make([]byte, 4<<10)
	for {
		ready := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}, {Fd: int32(s.stop[0].Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil || ready[1].Revents != 0 {
			return
		}
		n, err := unix.Read(0, buf)
		if err != nil && !errors.Is(err, unix.EINTR) || err == nil && n == 0 {
			return
		}
		switch {
		case n > 0 && s.isInterrupt(buf[:n]):
			_ = unix.Kill(os.Getpid(), unix.SIGINT) // rota stops the process in its own way
		case n > 0:
			if _, err := s.master.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}

// isInterrupt reports whether something typed is a Ctrl-C, and the process has not
// asked for it as a letter.
func (s *pty) isInterrupt(typed []byte) bool {
	state, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	return err == nil && state.Lflag&unix.ISIG != 0 && slices.Contains(typed, state.Cc[unix.VINTR])
}

// ptyDrainTime is how long a terminal that other processes keep open is still read
// after its process has ended.
const ptyDrainTime = 200 * time.Millisecond

// close shows what is left and gives rota's terminal back as it was.
func (s *pty) close() {
	if s == noPTY {
		return
	}
	if s.stop[1] != nil {
		s.stop[1].Close()
	}
	if s.master != nil {
		// What the process did not read may fill the terminal.
		_ = s.master.SetWriteDeadline(time.Now())
	}
	if s.slave != nil {
		signal.Stop(s.sizes)
		close(s.sizes)
		s.pumps.Wait()
		s.slave.Close()
	}
	if s.outputDone != nil {
		_ = s.master.SetReadDeadline(time.Now().Add(ptyDrainTime))
		<-s.outputDone
	}
	if s.restore != nil {
		_ = term.Restore(0, s.restore)
	}
	for _, f := range []*os.File{s.master, s.stop[0]} {
		if f != nil {
			f.Close()
		}
	}
}

func isTTY(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// isForeground reports whether a descriptor is a terminal in whose foreground rota is.
func isForeground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
