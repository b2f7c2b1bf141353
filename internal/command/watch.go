package command

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"rota/internal/api"
)

// burstTime is how long watch collects further changes before it draws.
const burstTime = 100 * time.Millisecond

// watchTasks shows the tasks, and then each change, until it is interrupted or the daemon
// stops.
func (s *session) watchTasks(c *cli.Context) error {
	d, err := s.service(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.Context)
	defer cancel()
	// Watch before the first query, so that no change in between is missed.
	messages, err := d.Watch(ctx)
	if err != nil {
		return err
	}
	tty := !c.Bool("json") && term.IsTerminal(int(s.out.Fd()))
	var tick <-chan time.Time // relative times change
	if tty {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		tick = t.C
	}
	v := taskView{session: s, seen: map[string]string{}}
	for {
		if v.tasks, err = tasksFor(c, d); err != nil {
			return err
		}
		for changed := false; !changed; {
			if err := v.show(c, tty); err != nil {
				return err
			}
			select {
			case <-tick:
			case _, open := <-messages:
				if !open {
					return api.Errorf(api.NoDaemon, "", "event stream closed: the daemon stopped, or this client was too slow")
				}
				changed = true
				drainBurst(messages)
			}
		}
	}
}

// drainBurst discards further messages within burstTime.
func drainBurst(messages <-chan api.Message) {
	moment := time.After(burstTime)
	for {
		select {
		case _, open := <-messages:
			if !open {
				return
			}
		case <-moment:
			return
		}
	}
}

// taskView is the list of tasks on the terminal.
type taskView struct {
	*session
	tasks []api.Task
	seen  map[string]string // what was shown of each task, without relative times
	drawn int               // lines on the terminal
}

// show redraws the list on a terminal, and elsewhere prints what changed.
func (v *taskView) show(c *cli.Context, tty bool) error {
	if tty {
		return v.draw(c)
	}
	var changed []int
	for i, t := range v.tasks {
		text, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if v.seen[t.Task] != string(text) {
			v.seen[t.Task] = string(text)
			changed = append(changed, i)
		}
	}
	if c.Bool("json") {
		for _, i := range changed {
			if err := v.json(v.out, v.tasks[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(v.tasks) == 0 {
		return nil
	}
	lines := v.taskGrid(v.when(c), v.tasks).lines(0)
	if v.drawn == 0 {
		fmt.Fprintln(v.out, lines[0])
	}
	v.drawn = len(lines)
	for _, i := range changed {
		if _, err := fmt.Fprintln(v.out, lines[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// draw replaces the list on the terminal, as much of it as fits.
func (v *taskView) draw(c *cli.Context) error {
	var lines []string
	if len(v.tasks) > 0 {
		lines = v.taskGrid(v.when(c), v.tasks).lines(v.width())
	}
	if _, height, err := term.GetSize(int(v.out.Fd())); err == nil && height > 2 && len(lines) >= height {
		more := len(lines) - (height - 2)
		lines = append(lines[:height-2], symbolFor("…", "~")+" "+fmt.Sprint(more)+" more")
	}
	up := ""
	if v.drawn > 0 {
		up = fmt.Sprintf("\x1b[%dA\r", v.drawn)
	}
	v.drawn = len(lines)
	_, err := fmt.Fprint(v.out, up+"\x1b[J"+strings.Join(append(lines, ""), "\n"))
	return err
}
