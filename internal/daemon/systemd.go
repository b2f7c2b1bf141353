package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"os"
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

// tell keeps the status line of the service current. It names instants, not
// spans, which would be wrong a second later.
func (l *loop) tell() {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	status := plural(l.tasks, "scheduled task", "scheduled tasks")
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
