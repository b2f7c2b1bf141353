package daemon

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// sdNotify notifies the service manager, if one listens.
func sdNotify(state string) { _, _ = daemon.SdNotify(false, state) }

// notifyReloading notifies the service manager that a reload begins; READY=1 ends it, also
// if the file was refused.
func notifyReloading() {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	sdNotify(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000))
}

// watchdog notifies the service manager that rota is alive, at the interval that it requires
// and only while both the engine and the socket answer. A ledger that cannot be written is
// no reason to be killed: the status reports it.
func (h *host) watchdog(ctx context.Context, socket string) {
	timeout, err := daemon.SdWatchdogEnabled(false)
	if err != nil || timeout <= 0 {
		return
	}
	ticker := time.NewTicker(timeout / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if h.answers(ctx, socket, timeout/3) {
				sdNotify("WATCHDOG=1")
			}
		case <-ctx.Done():
			return
		}
	}
}

// answers reports whether the engine and the socket answer in time. Any answer of the
// socket will do.
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
