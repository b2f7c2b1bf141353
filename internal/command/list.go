package command

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/suggest"
	"rota/runner"
)

func listCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "list",
		Category: "Look at the file",
		Usage:    "list the tasks of the file",
		Description: `Says it from the file alone, the next to come due first.

  rota list
  rota list --tag db
  rota list --json | jq -r '.tasks[].task'`,
		Flags: []cli.Flag{&cli.StringFlag{Name: "tag", Usage: "only tasks with this `TAG`"}},
		Action: func(c *cli.Context) error {
			cfg, err := load(c, true)
			if err != nil {
				return err
			}
			now := time.Now()
			entries, err := entries(c, cfg, now)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return s.json(s.out, map[string][]entry{"tasks": entries})
			}
			g := grid{head: []string{"TASK", "SCHEDULE", "NEXT", "MODE", "DOES"}, soft: []int{1, 4}}
			for _, e := range entries {
				next := "-"
				if !e.Next.IsZero() {
					next = until(e.Next.Sub(now))
				}
				g.rows = append(g.rows, []string{e.Task, e.Schedule, next, string(e.Mode), e.Does})
			}
			return g.print(s.out, s.width())
		},
	}
}

// entry is a task in the list.
type entry struct {
	Task        string      `json:"task"`
	Description string      `json:"description,omitempty"`
	Tags        []string    `json:"tags,omitempty"`
	Enabled     bool        `json:"enabled"`
	Schedule    string      `json:"schedule"`
	Next        time.Time   `json:"next,omitzero"`
	Mode        runner.Mode `json:"mode"`
	Queue       string      `json:"queue,omitempty"`
	Action      string      `json:"action"`
	Does        string      `json:"does"`
}

// entries returns the tasks that the user wants, the next to come due first and
// those that never do last.
func entries(c *cli.Context, cfg *config.Config, now time.Time) ([]entry, error) {
	list, tags := []entry{}, []string{}
	for _, name := range taskNames(cfg) {
		t := cfg.Tasks[name]
		tags = append(tags, t.Tags...)
		if c.IsSet("tag") && !slices.Contains(t.Tags, c.String("tag")) {
			continue
		}
		next, _ := walk(c, cfg, t, now, "now").next()
		list = append(list, entry{
			Task: name, Description: t.Description, Tags: t.Tags, Enabled: t.Enabled,
			Schedule: inWords(t), Next: next.at, Mode: t.Mode, Queue: t.Queue,
			Action: runner.ActionName(t.Action), Does: does(t.Action),
		})
	}
	if c.IsSet("tag") && !slices.Contains(tags, c.String("tag")) {
		f := fail(exitUnknown, "", "no task has the tag %q", c.String("tag"))
		if near := suggest.Nearest(c.String("tag"), tags); near != "" {
			f.hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, f
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		if a.Next.IsZero() != b.Next.IsZero() {
			return cmp.Compare(b.Next.Unix(), a.Next.Unix()) // the zero time is the least
		}
		return a.Next.Compare(b.Next)
	})
	return list, nil
}

// inWords says in plain English when a task comes due.
func inWords(t config.Task) string {
	var texts []string
	for _, spec := range t.Triggers {
		texts = append(texts, spec.Explain())
	}
	switch {
	case !t.Enabled:
		return "by hand, not enabled"
	case texts == nil:
		return "by hand"
	}
	return strings.Join(texts, "; ")
}

// does tells in a few words what an action does.
func does(a runner.Action) string {
	switch a := a.(type) {
	case *runner.Command:
		if a.Text != "" {
			return strings.Join(strings.Fields(a.Text), " ")
		}
		return strings.Join(a.Argv, " ")
	case *runner.Log:
		return "log " + a.Message
	case *runner.HTTP:
		return "http " + cmp.Or(a.Method, "GET") + " " + withoutPassword(a.URL)
	case *runner.Write:
		return "write " + a.Path
	case *runner.Clean:
		return "clean " + a.Path
	}
	return runner.ActionName(a)
}

// withoutPassword hides what nobody should read over a shoulder.
func withoutPassword(text string) string {
	if u, err := url.Parse(text); err == nil {
		return u.Redacted()
	}
	return text
}
