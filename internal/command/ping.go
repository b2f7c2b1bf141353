package command

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"rota/internal/escape"
)

func pingCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "ping",
		Category: "See what happens",
		Usage:    "check whether a daemon answers: exit 0, else 5",
		Description: `  rota ping
  HEALTHCHECK CMD ["rota", "ping", "-q"]`,
		Action: func(c *cli.Context) error {
			if _, err := s.service(c); err != nil {
				return err
			}
			p, err := findDaemon(c)
			if err != nil {
				return err
			}
			where := p.url + p.socket
			switch {
			case c.Bool("json"):
				return s.json(s.out, map[string]string{"daemon": where})
			case c.Bool("quiet"):
				return nil
			}
			_, err = fmt.Fprintf(s.out, "a daemon answers at %s\n", escape.Line(where))
			return err
		},
	}
}
