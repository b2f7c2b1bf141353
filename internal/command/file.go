package command

import (
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"rota/config"
)

// systemFile is that of the whole machine.
const systemFile = "/etc/rota/jobs.toml"

// places are where the file is looked for, in order. The directory one happens to
// be in is not among them: what runs must not depend on it.
func places() []string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		if home, err := os.UserHomeDir(); err == nil {
			dir = filepath.Join(home, ".config")
		}
	}
	list := []string{systemFile}
	if filepath.IsAbs(dir) {
		list = append([]string{filepath.Join(dir, "rota", "jobs.toml")}, list...)
	}
	return list
}

// file returns the path of the file: the one given, else the first there is.
func file(c *cli.Context) (string, error) {
	if given := c.String("config"); given != "" {
		return given, nil
	}
	looked := ""
	for _, path := range places() {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if looked != "" {
			looked += " nor at "
		}
		looked += path
	}
	return "", fail(exitFile, "write it there, or name it: rota "+c.Command.Name+" --config FILE", "no jobs.toml at %s", looked)
}

// load reads the file. trust is for commands that only look: they need not care
// who else may change it.
func load(c *cli.Context, trust bool) (*config.Config, error) {
	path, err := file(c)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path, config.Options{TrustFile: trust})
	if err != nil {
		return nil, fromFile(path, err)
	}
	return cfg, nil
}

// trustFlag is the flag of the commands that do care.
func trustFlag() cli.Flag {
	return &cli.BoolFlag{Name: "trust-file", Usage: "take files and directories on the way that others may change"}
}
