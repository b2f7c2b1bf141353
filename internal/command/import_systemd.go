package command

import (
	"github.com/urfave/cli/v2"

	"rota/internal/importer"
)

func (s *session) importSystemd(c *cli.Context) (importer.Result, error) {
	return importer.Result{}, nil
}
