package command

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/api"
	"rota/internal/escape"
)

func checkCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "check",
		Category:  "Look at the file",
		Usage:     "find all faults of the file",
		ArgsUsage: "[FILE|-]",
		Description: `Prints every fault with its line, a caret and what to write instead, and warns
of valid values that are mostly a mistake, such as "* 3 * * *", which runs 60
times. Warnings alone are not a failure; -q hides them. "-" reads stdin. --host
also checks this machine: missing users, directories, secrets and programs, a
state directory or socket that others can change, a systemd unit that ends
forked runs, commands that cron runs, too. Run it as the user that rota runs as.

  rota check jobs.toml
  sudo rota check --host
  git show HEAD:jobs.toml | rota check -
  rota check --json | jq '.errors[].message'`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "host", Usage: "also check this machine"},
			trustFlag(),
		},
		Action: func(c *cli.Context) error {
			name, cfg, err := s.toCheck(c)
			faults := []config.Fault(nil)
			var wrong *config.Errors
			switch {
			case errors.As(err, &wrong):
				faults = wrong.All
			case err != nil:
				return err
			default:
				faults = cfg.Warnings
				if c.Bool("host") {
					faults = append(slices.Clone(faults), onHost(cfg, c.Bool("trust-file"), "")...)
				}
			}
			if c.Bool("quiet") {
				faults = slices.DeleteFunc(slices.Clone(faults), func(f config.Fault) bool { return f.Warning })
			}
			fatal := slices.ContainsFunc(faults, func(f config.Fault) bool { return !f.Warning })
			if c.Bool("quiet") && !c.Bool("json") && !fatal {
				return nil
			}
			if err := s.showFaults(c, name, apiFaults(faults)); err != nil || fatal {
				return errors.Join(err, exitStatus(exitFile))
			}
			if c.Bool("json") {
				return nil
			}
			_, err = fmt.Fprintf(s.out, "%s: %s, %s, ok\n", escape.Line(name), count(len(cfg.Tasks), "task"), count(len(cfg.Queues), "queue"))
			return err
		},
	}
}

// toCheck reads the file to check. An error in it is a [*config.Errors].
func (s *session) toCheck(c *cli.Context) (name string, cfg *config.Config, err error) {
	o := config.Options{TrustFile: c.Bool("trust-file")}
	if name = c.Args().First(); name == "-" {
		text, err := io.ReadAll(s.in)
		if err != nil {
			return "", nil, fail(exitFile, "", "cannot read stdin: %v", err)
		}
		cfg, err = config.Parse("stdin", string(text), o)
		return "stdin", cfg, err
	}
	if name == "" {
		if name, err = file(c); err != nil {
			return "", nil, err
		}
	}
	cfg, err = config.Load(name, o)
	if err != nil && !errors.As(err, new(*config.Errors)) {
		err = fromFile(name, err)
	}
	return name, cfg, err
}

// showFaults prints faults on stdout: they are the result of check.
func (s *session) showFaults(c *cli.Context, name string, faults []api.Fault) error {
	if c.Bool("json") {
		return s.json(s.out, struct {
			File   string      `json:"file"`
			Errors []api.Fault `json:"errors"`
		}{name, append([]api.Fault{}, withoutExcerpts(faults)...)})
	}
	wrong, files := 0, []string(nil)
	for _, f := range faults {
		if !f.Warning {
			wrong++
			if !slices.Contains(files, f.File) {
				files = append(files, f.File)
			}
		}
		if _, err := fmt.Fprintln(s.out, s.colorizePrefix(s.out, f.Text)); err != nil {
			return err
		}
	}
	if wrong > 0 {
		more := ""
		if len(files) > 1 {
			more = " and " + count(len(files)-1, "other file")
		}
		_, err := fmt.Fprintf(s.out, "%s in %s%s\n", count(wrong, "error"), escape.Line(files[0]), more)
		return err
	}
	return nil
}
