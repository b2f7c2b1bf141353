package command

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// release is the version of a release, set when it is linked:
//
//	CGO_ENABLED=0 go build -ldflags "-X rota/internal/command.release=1.0.0"
var release string

// version is that of a release, else that of the build.
func version() string {
	if release != "" {
		return release
	}
	if info, found := debug.ReadBuildInfo(); found && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

func versionCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "version",
		Category: "About rota",
		Usage:    "show the version",
		Description: `  rota version
  rota version --json`,
		Action: func(c *cli.Context) error {
			module := "rota"
			if info, found := debug.ReadBuildInfo(); found && info.Main.Path != "" {
				module = info.Main.Path
			}
			if c.Bool("json") {
				return s.json(s.out, struct {
					Version string `json:"version"`
					Go      string `json:"go"`
					Module  string `json:"module"`
				}{version(), runtime.Version(), module})
			}
			_, err := fmt.Fprintf(s.out, "rota %s (module %s, %s, %s/%s)\n", version(), module, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
