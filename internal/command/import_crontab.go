package command

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/crontab"
	"rota/internal/escape"
	"rota/internal/importer"
)

// importCrontab imports the crontabs that the command line names.
func (s *session) importCrontab(c *cli.Context) (importer.Result, error) {
	host := importHost()
	if from := crontab.Dialect(c.String("from")); from != "" {
		if !slices.Contains(crontab.Dialects, from) {
			return importer.Result{}, misuse("import", "--from cannot be %q: it is debian, cronie or supercronic", from)
		}
		host.Dialect = from
	}
	if c.Bool("user") {
		return importer.Result{}, misuse("import", "--user is for systemd; the crontab of a user is -u USER")
	}
	sources, others, err := s.crontabs(c)
	if err != nil {
		return importer.Result{}, err
	}
	r := importer.Crontabs(sources, host)
	for _, name := range others {
		r.Notes = append(r.Notes, importer.Note{Source: "crontab of " + name, Text: "not imported; for that: rota import crontab -u " + name})
	}
	return r, nil
}

// importHost is what an import needs to know of this machine.
func importHost() importer.Host {
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	dialect := crontab.Debian
	switch {
	case exists("/usr/sbin/cron"):
	case exists("/usr/sbin/crond"), exists("/usr/bin/crond"), !exists("/etc/debian_version"):
		dialect = crontab.Cronie
	}
	known := map[string]bool{}
	return importer.Host{
		Dialect: dialect,
		Systemd: exists("/run/systemd/system"),
		Exists:  exists,
		Zone:    func(name string) bool { _, err := time.LoadLocation(name); return err == nil && name != "" },
		User: func(name string) bool {
			is, asked := known[name]
			if !asked && len(known) < maxCrontabs {
				_, err := user.Lookup(name)
				is = err == nil || exec.Command("getent", "passwd", "--", name).Run() == nil
				known[name] = is
			}
			return is
		},
	}
}

// crontabs reads the crontabs, and names the users whose crontabs are not among them.
func (s *session) crontabs(c *cli.Context) (sources []importer.Crontab, others []string, err error) {
	names, who := c.Args().Tail(), c.String("u")
	if len(names) > 0 {
		for _, name := range names {
			more, err := s.crontabFiles(name, who, c.Bool("system"))
			if err != nil {
				return nil, nil, err
			}
			sources = append(sources, more...)
		}
		return sources, nil, nil
	}
	if c.Bool("system") {
		return nil, nil, misuse("import", "--system needs the name of a file")
	}
	if who == "" && os.Geteuid() == 0 {
		for _, name := range systemCrontabs {
			if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			more, err := s.crontabFiles(name, "", false)
			if err != nil {
				return nil, nil, err
			}
			sources = append(sources, more...)
		}
		others = slices.DeleteFunc(userCrontabs(), func(name string) bool { return name == "root" })
	}
	own, err := ownCrontab(who)
	switch {
	case err == nil:
		sources = append(sources, own)
	case len(sources) == 0:
		return nil, nil, err
	case !noCrontab(err):
		s.warn("%v", err)
	}
	return sources, others, nil
}

// noCrontab reports whether an error says that there is no crontab, or no cron.
func noCrontab(err error) bool {
	return strings.Contains(err.Error(), "no crontab for") || strings.Contains(err.Error(), exec.ErrNotFound.Error())
}

// systemCrontabs are those of the machine.
var systemCrontabs = []string{"/etc/crontab", "/etc/cron.d"}

// userCrontabs are the users that have crontabs.
func userCrontabs() (names []string) {
	for _, dir := range []string{"/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron"} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.Type().IsRegular() && len(names) < maxCrontabs && !strings.Contains(e.Name(), ".") {
				names = append(names, e.Name())
			}
		}
	}
	return names
}

// ownCrontab asks crontab(1), which knows where crontabs are and who may see them.
// A failure does not mean that there is none.
func ownCrontab(who string) (importer.Crontab, error) {
	args, name := []string{"-l"}, "your crontab"
	source := importer.Crontab{User: who, Off: importer.OffUser(who)}
	if who == "" {
		source.Home, _ = os.UserHomeDir()
		if os.Geteuid() == 0 {
			source.User, source.Home = "root", ""
		}
	} else {
		args, name = []string{"-u", who, "-l"}, "the crontab of "+who
	}
	source.Name = name
	var out, wrong bytes.Buffer
	cmd := exec.Command("crontab", args...)
	cmd.Stdout, cmd.Stderr = &limited{&out, maxCrontabBytes}, &limited{&wrong, 4096}
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if err := cmd.Run(); err != nil {
		why := strings.TrimSpace(wrong.String())
		if why == "" {
			why = err.Error()
		}
		return source, fail(exitFailed, "name a file instead: rota import crontab FILE", "cannot read %s: %s", name, escape.Short(why, 200))
	}
	if out.Len() >= maxCrontabBytes {
		return source, tooLarge(name)
	}
	source.Text = out.String()
	return source, nil
}

// limited keeps the begin of what is written to it.
type limited struct {
	to   *bytes.Buffer
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	l.to.Write(p[:min(len(p), max(0, l.most-l.to.Len()))])
	return len(p), nil
}

func tooLarge(name string) error {
	return fail(exitFile, "", "%s is larger than %d MiB", name, maxCrontabBytes>>20)
}

// crontabFiles reads a file, or those of a directory that a cron would read.
func (s *session) crontabFiles(name, who string, system bool) (sources []importer.Crontab, err error) {
	if name == "-" {
		text, err := io.ReadAll(io.LimitReader(s.in, maxCrontabBytes+1))
		switch {
		case err != nil:
			return nil, fail(exitFile, "", "cannot read stdin: %v", err)
		case len(text) > maxCrontabBytes:
			return nil, tooLarge("stdin")
		}
		return []importer.Crontab{{Name: "stdin", Text: string(text), System: system, User: who}}, nil
	}
	paths := []string{name}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		entries, err := os.ReadDir(name)
		if err != nil {
			return nil, fail(exitFile, "", "cannot read %s: %v", name, err)
		}
		paths = nil
		for _, e := range entries {
			// Debian's cron ignores names with a dot, and cronie those of copies.
			if !strings.ContainsAny(e.Name(), ".~#") && len(paths) < maxCrontabs && !e.IsDir() {
				paths = append(paths, filepath.Join(name, e.Name()))
			}
		}
	}
	for _, path := range paths {
		text, _, err := readUpTo(path, maxCrontabBytes+1)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fail(exitFile, "", "%s does not exist", path)
		case err != nil:
			return nil, fail(exitFile, "", "cannot read %v", err)
		case len(text) > maxCrontabBytes:
			return nil, tooLarge(path)
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		source := importer.Crontab{Name: path, Text: string(text), User: who, Off: importer.OffFile(path)}
		source.System = system || who == "" && importer.SystemFile(abs)
		if !source.System && who == "" && os.Geteuid() != 0 {
			source.Home, _ = os.UserHomeDir()
		}
		sources = append(sources, source)
	}
	return sources, nil
}
