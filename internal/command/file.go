package command

import (
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"rota/config"
)

// systemFile is that of the whole machine.
const systemFile = "/etc/rota/jobs.toml"

// defaultPaths are where the file is looked for, in order. The current directory is not
// among them: what runs must not depend on it.
func defaultPaths() []string {
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

// file returns the path of the file: the one given, else the first that exists.
func file(c *cli.Context) (string, error) {
	if given := c.String("config"); given != "" {
		return given, nil
	}
	looked := ""
	for _, path := range defaultPaths() {
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

// load loads the file. trust is for commands that only read: for them it does not matter
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

// trustFlag is the flag of the other commands.
func trustFlag() cli.Flag {
	return &cli.BoolFlag{Name: "trust-file", Usage: "accept files and directories that other users may change"}
}
