package command

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/crontab"
	"rota/internal/daemon"
	"rota/internal/escape"
	"rota/internal/importer"
)

// supercronicFlags are those of supercronic that rota daemon --crontab takes as well,
// so that it can be used in place of supercronic.
func supercronicFlags() []cli.Flag {
	var flags []cli.Flag
	for _, name := range []string{"test", "inotify", "debug", "split-logs", "passthrough-logs", "overlapping", "no-reap"} {
		flags = append(flags, &cli.BoolFlag{Name: name, Hidden: true})
	}
	for name := range supercronicOnly {
		flags = append(flags, &cli.StringFlag{Name: name, Hidden: true})
	}
	return flags
}

// supercronicOnly are flags of supercronic that rota has something else for.
var supercronicOnly = map[string]string{
	"prometheus-listen-address": "set listen in [web]",
	"sentry-dsn":                "name a webhook or a command in on_failure",
	"sentryDsn":                 "name a webhook or a command in on_failure",
	"sentry-environment":        "name a webhook or a command in on_failure",
	"sentry-release":            "name a webhook or a command in on_failure",
}

// asCrontab makes the options of a daemon those of one that runs a crontab.
func (s *session) asCrontab(c *cli.Context, path string, o *daemon.Options) error {
	if given := c.String("config"); given != "" && given != os.Getenv("ROTA_CONFIG") {
		return misuse("daemon", "--config and --crontab exclude each other")
	}
	for name, instead := range supercronicOnly {
		if c.IsSet(name) {
			return fail(exitUsage, "make a jobs.toml of the crontab, and "+instead+": rota import crontab --from supercronic "+path, "%s needs a jobs.toml", flagText(name))
		}
	}
	convert, err := crontabConverter(c)
	if err != nil {
		return err
	}
	o.Config, o.Convert = path, convert
	switch {
	case o.Output != "":
	case c.Bool("passthrough-logs"):
		o.Output = "raw"
	case c.Bool("json"):
		o.Output = "json"
	default:
		o.Output = "prefix"
	}
	if c.Bool("debug") && o.LogLevel == "" {
		o.LogLevel = "debug"
	}
	return nil
}

// crontabConverter reads a crontab as supercronic does.
func crontabConverter(c *cli.Context) (func(text string) (string, []int, *config.Fault), error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fail(exitFailed, "", "cannot find the working directory: %v", err)
	}
	host := importer.Host{Dialect: crontab.Supercronic, Dir: dir, Overlap: c.Bool("overlapping"), Rota: map[string]string{}}
	host.Zone = func(name string) bool { _, err := time.LoadLocation(name); return err == nil && name != "" }
	if c.Bool("json") {
		host.Rota["log_format"] = "json"
	}
	return func(text string) (string, []int, *config.Fault) {
		if strings.TrimSpace(text) == "" {
			return "", nil, &config.Fault{Msg: "the crontab is empty", Hint: "to run nothing, write a comment"}
		}
		r, fault := importer.Daemon(text, host)
		if fault == nil {
			return r.Text, r.Lines, nil
		}
		f := &config.Fault{Line: fault.Line, Msg: fault.Msg, Hint: "like supercronic, rota runs no line of a crontab with an invalid line"}
		for line := range strings.SplitSeq(text, "\n") {
			if fault.Line--; fault.Line == 0 {
				f.Text = strings.TrimSuffix(line, "\r")
				break
			}
		}
		start := min(fault.Start, len(f.Text))
		f.Col = utf8.RuneCountInString(f.Text[:start]) + 1
		f.Width = max(1, utf8.RuneCountInString(f.Text[start:max(start, min(fault.End, len(f.Text)))]))
		return "", nil, f
	}, nil
}

// testCrontab checks a crontab, and prints whether it is valid.
func (s *session) testCrontab(path string, o daemon.Options) error {
	cfg, err := config.Load(path, config.Options{TrustFile: o.TrustFile, Convert: o.Convert})
	if err != nil {
		return fromDaemon(path, err)
	}
	for _, w := range cfg.Warnings {
		s.warn("%s", w.Error())
	}
	_, err = fmt.Fprintf(s.out, "%s: %s, ok\n", escape.Line(path), count(len(cfg.Tasks), "task"))
	return err
}

// supercronicWithout refuses a flag of supercronic where no crontab is.
func supercronicWithout(c *cli.Context) error {
	for _, f := range supercronicFlags() {
		if name := f.Names()[0]; c.IsSet(name) {
			return fail(exitUsage, "it goes with --crontab FILE", "%s is a flag of supercronic", flagText(name))
		}
	}
	return nil
}
