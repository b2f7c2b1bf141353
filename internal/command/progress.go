package command

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/runner"
)

// progress waits for the end of a run and meanwhile shows its progress on a line of stderr,
// if that is a terminal. A run that ends soon shows none.
func (s *session) progress(ctx context.Context, svc api.Service, run api.Run) (api.Run, error) {
	if os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(s.err.Fd())) {
		return svc.Wait(ctx, run.ID)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type end struct {
		run api.Run
		err error
	}
	ended := make(chan end, 1)
	go func() {
		run, err := svc.Wait(ctx, run.ID)
		ended <- end{run, err}
	}()
	changes, _ := svc.Watch(ctx) // without it the line is not updated, and waiting continues
	about := typicalDuration(ctx, svc, run.Task)
	if now, err := svc.Run(ctx, run.ID); err == nil {
		run = now.Run
	}
	draining := s.status != nil && s.status.Draining
	soon, tick := time.After(500*time.Millisecond), time.NewTicker(time.Second)
	defer tick.Stop()
	for drawn := false; ; {
		select {
		case e := <-ended:
			if drawn {
				fmt.Fprint(s.err, "\r\x1b[K")
			}
			return e.run, e.err
		case m, open := <-changes:
			if !open {
				changes = nil
			} else if m.Run != nil && m.Run.ID == run.ID {
				run = *m.Run
			} else if m.Event != nil && strings.HasPrefix(m.Event.Kind, "drain") {
				draining = m.Event.Kind == "drain"
			}
		case <-soon:
			drawn = true
		case <-tick.C:
		}
		if drawn {
			width, _, _ := term.GetSize(int(s.err.Fd()))
			fmt.Fprint(s.err, "\r\x1b[K"+shorten(escape.Line(progressText(run, about, draining, time.Now())), max(width-1, 20)))
		}
	}
}

// progressText is the state of an unfinished run on one line. about is its typical
// duration; 0: unknown.
func progressText(run api.Run, about time.Duration, draining bool, now time.Time) string {
	if run.State != runner.Running {
		line := run.ID + " " + string(run.State)
		switch {
		case run.State == runner.Delayed && !run.NotBefore.IsZero():
			line += " until " + shortTime(run.NotBefore, now)
		case !run.Queued.IsZero():
			line += " for " + durationText(now.Sub(run.Queued))
		}
		switch {
		case draining:
			line += " (rota is draining: no new runs start)"
		case run.Why != "":
			line += " (" + run.Why + ")"
		}
		return line
	}
	line := symbolFor("▶", ">") + " " + run.ID + " " + durationText(now.Sub(run.Started))
	if about > 0 {
		line += " of about " + durationText(about)
	}
	if run.Attempts > 1 {
		line += fmt.Sprintf(", attempt %d", run.Attempts)
	}
	return line
}

// typicalDuration is the median duration of the last runs of a task that were ok; 0: none.
func typicalDuration(ctx context.Context, svc api.Service, task string) time.Duration {
	runs, err := svc.Runs(ctx, api.RunQuery{Task: task, Outcomes: []runner.Outcome{runner.OK}, N: 9})
	if err != nil {
		return 0
	}
	var took []time.Duration
	for _, r := range runs {
		if !r.Started.IsZero() && !r.Finished.IsZero() {
			took = append(took, r.Finished.Sub(r.Started))
		}
	}
	if took == nil {
		return 0
	}
	slices.Sort(took)
	return took[len(took)/2]
}
