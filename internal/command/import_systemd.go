package command

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"rota/internal/importer"
	"rota/internal/units"
)

// importSystemd imports the timers that the command line names.
func (s *session) importSystemd(c *cli.Context) (importer.Result, error) {
	for _, name := range []string{"from", "u", "system"} {
		if c.IsSet(name) {
			return importer.Result{}, misuse("import", "%s is for crontabs", flagText(name))
		}
	}
	from := importer.Systemd{FS: os.DirFS("/"), Dirs: units.System, Names: c.Args().Tail(), User: c.Bool("user")}
	if from.User {
		home, err := os.UserHomeDir()
		if err != nil {
			return importer.Result{}, fail(exitFailed, "", "no home directory: %v", err)
		}
		config := os.Getenv("XDG_CONFIG_HOME")
		if !filepath.IsAbs(config) {
			config = filepath.Join(home, ".config")
		}
		own := strings.TrimPrefix(filepath.Join(config, "systemd/user"), "/")
		from.Dirs, from.Home = append([]string{own}, units.User...), home
	}
	r, err := importer.Timers(from)
	if err != nil {
		return r, fail(exitFailed, "", "%v", err)
	}
	return r, nil
}
