package daemon

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// sdNotify tells the service manager, if there is one that listens.
func sdNotify(state string) { _, _ = daemon.SdNotify(false, state) }

// notifyReloading tells it that a reload begins; READY=1 ends it, also if the
// file was refused.
func notifyReloading() {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	sdNotify(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000))
}

// watchdog tells the service manager that rota lives, as often as that wants to
// hear it and only while both the engine and the socket answer. A ledger that
// cannot be written to is no reason to be killed: the status says so.
func (h *host) watchdog(ctx context.Context, socket string) {
	patience, err := daemon.SdWatchdogEnabled(false)
	if err != nil || patience <= 0 {
		return
	}
	ticker := time.NewTicker(patience / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if h.answers(ctx, socket, patience/3) {
				sdNotify("WATCHDOG=1")
			}
		case <-ctx.Done():
			return
		}
	}
}

// answers reports whether the engine and the socket do, in time. Of the socket any
// answer will do.
func (h *host) answers(ctx context.Context, socket string, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if h.engine.Answers(ctx) != nil {
		return false
	}
	if socket == "" {
		return true
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if _, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		return false
	}
	_, err = conn.Read(make([]byte, 1))
	return err == nil
}
