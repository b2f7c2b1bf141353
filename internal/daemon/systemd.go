package daemon

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"rota/internal/api"
	"slices"
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
// hear it and only while both the loop and the socket answer. A ledger that
// cannot be written to is no reason to be killed: the status says so.
func (l *loop) watchdog(ctx context.Context, socket string) {
	patience, err := daemon.SdWatchdogEnabled(false)
	if err != nil || patience <= 0 {
		return
	}
	ticker := time.NewTicker(patience / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if l.answers(ctx, socket, patience/3) {
				sdNotify("WATCHDOG=1")
			}
		case <-ctx.Done():
			return
		}
	}
}

// answers reports whether the loop and the socket do, in time. Of the socket any
// answer will do.
func (l *loop) answers(ctx context.Context, socket string, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if l.ask(ctx, func() error { return nil }) != nil {
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

// tell keeps the status line of the service current. It names instants, not
// spans, which would be wrong a second later.
func (l *loop) tell() {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	status := api.Plural(l.tasks, "scheduled task", "scheduled tasks")
	if task, at := l.upcoming(); task != "" {
		status += fmt.Sprintf(", next %s at %s", task, at.In(l.cfg.Rota.Timezone).Format(time.TimeOnly))
	}
	if n := len(l.view.Live("")); n > 0 {
		status += fmt.Sprintf(", %d running", n)
	}
	if l.broken != nil {
		status += "; the file is wrong: the last good one is in force"
	}
	if status != l.status {
		l.status = status
		sdNotify("STATUS=" + status)
	}
}

// soonest returns the keys of the n entries that come due first.
func (l *loop) soonest(n int) []string {
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(l.entries)), func(key string) bool { return l.agenda.Next(key).IsZero() })
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(l.agenda.Next(a).Compare(l.agenda.Next(b)), cmp.Compare(a, b)) })
	return keys[:min(n, len(keys))]
}
