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
		Usage:    "show how the daemon is, or what it left",
		Description: `Its version and file, what runs, waits and comes next, and what is wrong. Ends
with 5 if no daemon answers; what it left behind is shown then.

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
				err = statusSheet(s.when(c), st).print(s.out)
			}
			if err == nil && !st.Daemon {
				return status(exitNoDaemon)
			}
			return err
		},
	}
}

// statusSheet tells how a rota is.
func statusSheet(w when, st api.Status) sheet {
	var b sheet
	if st.Daemon {
		daemon := "rota " + st.Version
		if st.PID > 0 { // not told to everybody
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
	b.add("state in", st.StateDir)
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
		b.add("draining", "yes: nothing new starts")
	}
	if st.Next != nil {
		b.add("next", st.Next.Task+"  "+slotText(w, *st.Next))
	}
	if st.Lag > 0 {
		b.add("lag", seconds(st.Lag).String())
	}
	b.add("counted to", w.both(st.Through))
	if st.LedgerBytes > 0 || st.OutputBytes > 0 {
		b.add("kept", fmt.Sprintf("%s ledger, %s outputs", bytesText(st.LedgerBytes), bytesText(st.OutputBytes)))
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
		b.add(once(i == 0, "unsent"), text)
	}
	return b
}

// differsText says of a file that is not broken that it is not in force.
const differsText = "the file on the disk is not the one in force; to put it in force: rota reload"

// bytesText writes a size, rounded down.
func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; n >= 1024 && i+1 < len(units); i++ {
		n /= 1024
	}
	return fmt.Sprintf("%d %s", n, units[i])
}

// sinceBy says of a state who brought it about, why, since when and until when;
// it begins with a comma, and leaves out what is not known.
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
