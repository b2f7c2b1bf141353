package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
)

func statusCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "status",
		Category: "See what happens",
		Usage:    "show the status of the daemon, or what it recorded last",
		Description: `Its version and file, running and waiting runs, the next slot, and problems. The
exit code is 5 if no daemon answers; then the recorded state is shown.

  rota status
  rota status --json | jq .trouble`,
		Action: func(c *cli.Context) error {
			r, done, err := s.reader(c)
			if err != nil {
				return err
			}
			defer done()
			st, err := r.Status(c.Context)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				err = s.json(s.out, st)
			} else {
				err = statusDetails(s.when(c), st).print(s.out)
			}
			if err == nil && !st.Daemon {
				return exitStatus(exitNoDaemon)
			}
			return err
		},
	}
}

// statusDetails are the details of the status.
func statusDetails(w when, st api.Status) details {
	var b details
	if st.Daemon {
		daemon := "rota " + st.Version
		if st.PID > 0 { // hidden from some users
			daemon += fmt.Sprintf(", pid %d", st.PID)
		}
		b.add("daemon", daemon)
		b.add("started", w.both(st.Started))
	} else {
		b.add("daemon", "none answers")
	}
	b.add("file", st.Config)
	b.add("read", w.both(st.Loaded))
	b.add("broken", st.Broken)
	if st.Differs && st.Broken == "" {
		b.add("differs", differsText)
	}
	b.add("state directory", st.StateDir)
	if st.Timezone != "Local" { // else it is the machine's
		b.add("zone", st.Timezone)
	}
	tasks := fmt.Sprint(st.Tasks)
	if st.Held > 0 {
		tasks += fmt.Sprintf(", %d held", st.Held)
	}
	b.add("tasks", tasks)
	b.add("runs", fmt.Sprintf("%d running, %d waiting", st.Running, st.Waiting))
	if st.Draining {
		text := "yes"
		if !st.DrainingUntil.IsZero() {
			text = "until " + w.both(st.DrainingUntil)
		}
		b.add("draining", text+": no new runs start; end it: rota drain --end")
	}
	if st.Next != nil {
		b.add("next", st.Next.Task+"  "+slotText(w, *st.Next))
	}
	if st.Lag > 0 {
		b.add("lag", durationOf(st.Lag).String())
	}
	b.add("processed until", w.both(st.Through))
	if st.LedgerBytes > 0 || st.OutputBytes > 0 {
		b.add("disk use", fmt.Sprintf("%s ledger, %s outputs", bytesText(st.LedgerBytes), bytesText(st.OutputBytes)))
	}
	b.add("trouble", strings.Join(st.Trouble, "\n"))
	for i, u := range st.Undelivered {
		text := u.Target + ": " + u.Error + sinceBy(w, "", "", u.Since, time.Time{})
		if u.Waiting > 0 {
			text += fmt.Sprintf(", %d waiting", u.Waiting)
		}
		if u.Dropped > 0 {
			text += fmt.Sprintf(", %d given up", u.Dropped)
		}
		b.add(firstLabel(i == 0, "undelivered"), text)
	}
	return b
}

// differsText is the notice that a valid file is not in force.
const differsText = "the file on the disk is not the one in force; reload it: rota reload"

// bytesText writes a size, rounded down.
func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; n >= 1024 && i+1 < len(units); i++ {
		n /= 1024
	}
	return fmt.Sprintf("%d %s", n, units[i])
}

// sinceBy is who caused a state, why, since when and until when, as far as known; it
// begins with a comma.
func sinceBy(w when, by, why string, since, until time.Time) string {
	text := ""
	if by != "" {
		text += ", by " + by
	}
	if !since.IsZero() {
		text += ", since " + w.full(since)
	}
	if !until.IsZero() {
		text += ", until " + w.both(until)
	}
	if why != "" {
		text += fmt.Sprintf(", %q", why)
	}
	return text
}
