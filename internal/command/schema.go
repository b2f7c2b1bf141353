package command

import (
	"github.com/urfave/cli/v2"

	"rota/internal/manual"
)

func schemaCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "schema",
		Category: "About rota",
		Usage:    "print the JSON schema of jobs.toml, for editors",
		Description: `An editor that knows TOML schemas completes keys and marks mistakes if the file
begins with a line that names the schema.

  rota schema >jobs.schema.json
  sed -i '1i #:schema ./jobs.schema.json' jobs.toml`,
		Action: func(c *cli.Context) error {
			_, err := s.out.Write(manual.Schema())
			return err
		},
	}
}
