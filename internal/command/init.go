package command

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"rota/internal/importer"
	"rota/internal/manual"
)

func initCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "init",
		Category: "Look at the file",
		Usage:    "write a first jobs.toml, unless one exists",
		Description: `As root it is /etc/rota/jobs.toml, else ~/.config/rota/jobs.toml, or the FILE
of --config. Its first line names the schema for editors: the one that came with
the package, or else jobs.schema.json, which is written beside it.

If you have a crontab, the file has its jobs; /etc/rota/jobs.toml also those of
/etc/crontab and /etc/cron.d. As with rota import, stderr has a report, and the
commands that disable the old jobs: until then both would run. Otherwise, and
with --example, it has an example.

  rota init
  rota init --config ./jobs.toml`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "user", Usage: "in the home of the user, also as root"},
			&cli.BoolFlag{Name: "example", Usage: "an example, whatever crontabs contain"},
		},
		Action: func(c *cli.Context) error {
			path, err := newFile(c)
			if err != nil {
				return err
			}
			text, jobs := firstText, importer.Result{}
			if !c.Bool("example") {
				if jobs = s.firstJobs(path); len(jobs.Tasks) > 0 {
					text = jobs.Text
				}
			}
			written, err := firstFile(path, text)
			if err != nil {
				return err
			}
			if len(jobs.Tasks) > 0 && !c.Bool("json") && !c.Bool("quiet") {
				s.importReport(path, jobs)
			}
			lines := []string{"next, edit it: rota edit -c " + path, "then run it:   rota daemon -c " + path}
			for i, one := range written {
				lines = append(lines[:i], append([]string{"wrote " + one}, lines[i:]...)...)
			}
			return s.printResult(c, map[string][]string{"written": written}, lines...)
		},
	}
}

// newFile is where the first file goes.
func newFile(c *cli.Context) (string, error) {
	given, list := c.String("config"), defaultPaths()
	switch own := len(list) > 1; {
	case given != "" && c.Bool("user"):
		return "", misuse("init", "--user and --config exclude each other")
	case given != "":
		return given, nil
	case !own && (c.Bool("user") || os.Geteuid() != 0):
		return "", fail(exitFailed, "name it: rota init --config FILE", "no home directory to put it in")
	case c.Bool("user") || os.Geteuid() != 0:
		return list[0], nil
	}
	return list[len(list)-1], nil
}

// firstJobs are the jobs of the crontabs that belong to a file: those of the user and, for
// the file of the machine, those of the machine. It is no error if there are none.
func (s *session) firstJobs(path string) importer.Result {
	var sources []importer.Crontab
	if path == systemFile {
		for _, name := range systemCrontabs {
			more, _ := s.crontabFiles(name, "", false)
			sources = append(sources, more...)
		}
	}
	if own, err := ownCrontab(""); err == nil {
		sources = append(sources, own)
	}
	return importer.Crontabs(sources, importHost())
}

// packagedSchema is where a package puts the schema.
const packagedSchema = "/usr/share/rota/jobs.schema.json"

// firstFile writes the file and its schema, and returns the paths.
func firstFile(path, text string) (written []string, err error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fail(exitConflict, "edit it: rota edit -c "+path, "%s already exists", path)
	}
	cannot := func(err error) error { return fail(exitFailed, "", "cannot write the file: %v", err) }
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, cannot(err)
	}
	schema := packagedSchema
	if _, err := os.Stat(schema); err != nil {
		schema = "./jobs.schema.json"
		beside := filepath.Join(filepath.Dir(path), schema)
		if err := os.WriteFile(beside, manual.Schema(), 0o644); err != nil {
			return nil, cannot(err)
		}
		written = append(written, beside)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fail(exitConflict, "", "%s already exists", path)
	}
	if err != nil {
		return nil, cannot(err)
	}
	_, err = f.WriteString("#:schema " + schema + "\n" + text)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, cannot(err)
	}
	return append([]string{path}, written...), nil
}

// firstText is the file, less its first line.
const firstText = `# What rota runs, and when. Edit it while rota runs: the schedule follows.
# All keys: man jobs.toml. All faults of this file: rota check.

[tasks.hello]
interval = "10s"                        # every so often, or instead of it:
# weekday = "mon-fri"                   # on days of the week, at times of day
# at = ["09:00", "17:00"]
# monthday = [1, "last fri"]            # on days of the month, with at
# cron = "*/15 * * * *"                 # as a cron line says
command = "echo hello from $(uname -n)" # a text goes to the shell, a list does not
# mode = "sequential"                   # waits its turn; "forked" outlives rota
# timeout = "1h"
# retry = { max = 2, delay = "1m" }
# on_failure = ["ops"]

# [notify.ops]
# mail = { to = "ops@example.org" }
`
