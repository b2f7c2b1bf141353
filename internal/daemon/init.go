package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"rota/internal/early"
)

// initVariable is set for a daemon that is the child of rota as PID 1.
const initVariable = "ROTA_INIT"

// inContainer reports whether rota is PID 1, as in a container.
func inContainer() bool { return os.Getenv(initVariable) != "" }

// Init is rota as PID 1: it starts itself as a child with the same arguments, forwards
// signals, and reaps orphans, which the daemon could not do without reaping its own runs,
// too. It returns the exit code.
func Init(argv []string) int {
	signals := early.Signals()
	signal.Notify(signals)
	cmd := exec.Command("/proc/self/exe", argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), initVariable+"=1")
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "rota: cannot start itself as a child:", err)
		return 1
	}
	for sig := range signals {
		if sig != syscall.SIGCHLD {
			if sig != syscall.SIGURG { // the Go runtime's own
				_ = cmd.Process.Signal(sig)
			}
			continue
		}
		if status, ended := reap(cmd.Process.Pid); ended {
			return exitCode(status)
		}
	}
	return 1
}

// reap reaps every child that has ended, and reports whether the given child is one of
// them.
func reap(child int) (status syscall.WaitStatus, ended bool) {
	for {
		var s syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &s, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || pid <= 0:
			return status, ended
		case pid == child:
			status, ended = s, true
		}
	}
}

// exitCode returns the exit code of the child, or 128+n if signal n ended it.
func exitCode(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
