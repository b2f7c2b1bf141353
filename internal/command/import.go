package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"rota/internal/escape"
	"rota/internal/importer"
)

func importCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "import",
		Category:  "Look at the file",
		Usage:     "convert crontabs or systemd timers to a jobs.toml",
		ArgsUsage: "crontab|systemd [NAME…]",
		Description: `Prints the file and, on stderr, a report: differences, lines that never ran, and
the commands that disable the old schedule. It changes nothing itself. Lines
that never ran become comments, with the reason.

crontab: NAME is a file or a directory of files, "-" is stdin; lines in
/etc/crontab and /etc/cron.d name a user, others do with --system. Without NAME
it reads your crontab; as root also /etc/crontab and /etc/cron.d. The crons read
crontabs differently: --from names one, if not that of this machine.

systemd: NAME is a timer; without it, all that are enabled. --user is for timers
of your own systemd.

  rota import crontab
  rota import crontab -o jobs.toml
  rota import crontab -u postgres
  rota import crontab --from supercronic crontab.txt
  rota import systemd logrotate.timer`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the file to `FILE`, unless it exists"},
			&cli.StringFlag{Name: "from", Usage: "`CRON` whose crontab it is: debian, cronie or supercronic"},
			&cli.StringFlag{Name: "u", Usage: "the crontab of `USER`, or who runs the lines of a file"},
			&cli.BoolFlag{Name: "system", Usage: "each line names a user before its command"},
			&cli.BoolFlag{Name: "user", Usage: "timers of the user's own systemd"},
		},
		Action: func(c *cli.Context) error {
			var r importer.Result
			var err error
			switch what := c.Args().First(); what {
			case "crontab":
				r, err = s.importCrontab(c)
			case "systemd":
				r, err = s.importSystemd(c)
			case "":
				return misuse("import", "import needs one of crontab and systemd")
			default:
				return misuse("import", "import cannot read %q: it is crontab or systemd", what)
			}
			if err != nil {
				return err
			}
			return s.imported(c, r)
		},
	}
}

// imported prints the result of an import.
func (s *session) imported(c *cli.Context, r importer.Result) error {
	path := c.String("output")
	if path != "" && path != "-" {
		if err := writeNew(path, r.Text); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return s.json(s.out, struct {
			TOML  string          `json:"toml"`
			Tasks []string        `json:"tasks"`
			Left  int             `json:"not_imported"`
			Notes []importer.Note `json:"notes"`
			Rules []string        `json:"rules"`
			Off   []string        `json:"switch_off"`
		}{r.Text, listed(r.Tasks), r.Left, listed(r.Notes), listed(r.Rules), listed(r.Off)})
	}
	if path == "" || path == "-" {
		if _, err := s.out.WriteString(r.Text); err != nil {
			return err
		}
	}
	if !c.Bool("quiet") {
		s.importReport(path, r)
	}
	return nil
}

// importReport prints on stderr what to check.
func (s *session) importReport(path string, r importer.Result) {
	say := func(format string, args ...any) { fmt.Fprintln(s.err, escape.Line(fmt.Sprintf(format, args...))) }
	where := ""
	if path != "" && path != "-" {
		where = " in " + path
	}
	left := ""
	if r.Left > 0 {
		left = fmt.Sprintf("; %d not imported, which stay comments", r.Left)
	}
	say("%s%s%s", count(len(r.Tasks), "task"), where, left)
	for _, n := range r.Notes {
		say("%s", n)
	}
	if len(r.Rules) > 0 {
		say("not the same as before:")
		for _, rule := range r.Rules {
			say("  %s", rule)
		}
	}
	if len(r.Off) > 0 {
		say("once rota runs them, switch the old ones off:")
		for _, line := range r.Off {
			say("  %s", line)
		}
	}
}

// writeNew writes a new file, or accepts one with the same text.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		if was, _, err := readUpTo(path, int64(len(text)+1)); err == nil && string(was) == text {
			return nil
		}
		return fail(exitConflict, "name another one, or remove it", "%s already exists", path)
	}
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fail(exitFailed, "", "cannot write the file: %v", err)
	}
	return nil
}
