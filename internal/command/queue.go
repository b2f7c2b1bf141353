package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/internal/suggest"
)

func queueCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "queue",
		Category:  "Change what runs",
		Usage:     "list, start or stop queues",
		ArgsUsage: "list|start|stop [PATTERN…]",
		Description: `A stopped queue starts no runs; running ones continue, and new ones wait, up to
its capacity. It persists over restarts, whatever autostart says. start and stop
need a PATTERN; '*' is all queues.

PATTERN is the name of a queue, with * for any text on either side of the @: a
queue without @ is @NAME. One that matches no queue is a warning.

  rota queue list
  rota queue stop main
  rota queue start 'site1@*' '*@convert'`,
		Action: func(c *cli.Context) error {
			verb, patterns := c.Args().First(), c.Args().Tail()
			if verb != "list" && len(patterns) == 0 && queueVerbs[verb] != nil {
				return misuse("queue", "queue %s needs the name of a queue, or a pattern", verb)
			}
			do := queueVerbs[verb]
			if do == nil {
				return unknownVerb(verb)
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			q, err := do(svc, c.Context, patterns...)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return s.json(s.out, q)
			}
			s.warnings(q.Warnings)
			if verb == "list" {
				return s.showQueues(q.Queues)
			}
			var lines []string
			for _, one := range q.Queues {
				line := one.State + " " + one.Queue
				if n := len(one.Running); n > 0 && verb == "stop" {
					line += "; " + count(n, "run") + " still running"
				}
				lines = append(lines, line)
			}
			return s.printResult(c, q, lines...)
		},
	}
}

// queueVerbs are the operations on queues.
var queueVerbs = map[string]func(api.Service, context.Context, ...string) (api.Queues, error){
	"list":  api.Service.Queues,
	"start": api.Service.StartQueues,
	"stop":  api.Service.StopQueues,
}

func unknownVerb(verb string) error {
	if near := suggest.Nearest(verb, []string{"list", "start", "stop"}); near != "" {
		return fail(exitUsage, "did you mean "+near+"?", "no queue command %q", verb)
	}
	return misuse("queue", "queue needs one of list, start and stop")
}

func (s *session) showQueues(queues []api.Queue) error {
	g := grid{head: []string{"QUEUE", "STATE", "RUNNING", "WAITING", "DESCRIPTION"}, shrink: []int{4}}
	for _, q := range queues {
		text := q.Description
		by := ""
		switch {
		case q.Hold != nil:
			by = "stopped by " + q.Hold.By
		case q.Started != nil:
			by = "started by " + q.Started.By
		}
		if text != "" && by != "" {
			text += "; "
		}
		text += by
		g.rows = append(g.rows, []string{
			q.Queue, q.State, fmt.Sprintf("%d of %d", len(q.Running), q.Workers), fmt.Sprintf("%d of %d", q.Waiting, q.Capacity), text,
		})
	}
	return g.print(s.out, s.width())
}
