package config

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The path to a configuration matters as much as its files: each line lets another user
// decide what root runs, until the commands of the hint are run.
func TestWayToTheConfiguration(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	for name, spoil := range map[string]func(s scene) error{
		"a group's include directory": func(s scene) error {
			return errors.Join(os.Chown(s.path("etc/conf.d"), 0, 65534), os.Chmod(s.path("etc/conf.d"), 0o775))
		},
		"another's include directory":          func(s scene) error { return os.Chown(s.path("etc/conf.d"), 65534, -1) },
		"everybody's directory of the file":    func(s scene) error { return os.Chmod(s.path("etc"), 0o777) },
		"everybody's directory above":          func(s scene) error { return os.Chmod(s.dir, 0o777) },
		"another's directory of dates":         func(s scene) error { return os.Chown(s.path("far"), 65534, -1) },
		"another's link":                       func(s scene) error { return os.Lchown(s.path("etc/conf.d/l.toml"), 65534, -1) },
		"another's directory of a link's goal": func(s scene) error { return os.Chown(s.path("more"), 65534, -1) },
		"another's included file":              func(s scene) error { return os.Chown(s.path("etc/conf.d/x.toml"), 65534, -1) },
	} {
		s := scene{T: t, dir: t.TempDir()}
		s.write("etc/jobs.toml", "a EXCEPT INCLUDE")
		s.write("etc/conf.d/x.toml", "x")
		s.write("more/y.toml", "y")
		s.link("../../more/y.toml", "etc/conf.d/l.toml")
		s.text("far/holidays.txt", "12-25")
		_, err := Load(s.path("etc/jobs.toml"), Options{})
		s.must(err)
		s.must(spoil(s))
		_, err = Load(s.path("etc/jobs.toml"), Options{})
		var wrong *Errors
		if !errors.As(err, &wrong) || len(wrong.Faults) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := Load(s.path("etc/jobs.toml"), Options{TrustFile: true}); err != nil {
			t.Errorf("%s, and trusted: %v", name, err)
		}
		cure, _, _ := strings.Cut(strings.TrimPrefix(wrong.Faults[0].Hint, "type: "), "; or ")
		if out, err := exec.Command("sh", "-c", cure).CombinedOutput(); err != nil {
			t.Errorf("%s: %q: %s", name, cure, out)
		}
		if _, err := Load(s.path("etc/jobs.toml"), Options{}); err != nil {
			t.Errorf("%s: after %q: %v", name, cure, err)
		}
	}
}

// Text that a user had a task write is no configuration, though the file is
// root's: neither through a link, nor by name, nor where everything is trusted.
func TestOutputIsNoConfiguration(t *testing.T) {
	for name, prepare := range map[string]func(s scene) string{
		"a link in an include directory": func(s scene) string {
			s.link("../../state/logs/t/run.result", "etc/conf.d/evil.toml")
			return "etc/jobs.toml"
		},
		"a pattern": func(s scene) string {
			s.text("etc/jobs.toml", "[rota]\nstate_dir = \"../state\"\ninclude = \"../state/logs/t/*\"\n[tasks]\n")
			return "etc/jobs.toml"
		},
		"a link on the way": func(s scene) string {
			s.must(os.RemoveAll(s.path("etc/conf.d")))
			s.link("../state/live", "etc/conf.d")
			return "etc/jobs.toml"
		},
		"logs on another disk": func(s scene) string {
			s.rename("state/logs", "disk")
			s.link("../disk", "state/logs")
			s.link("../../disk/t/run.result", "etc/conf.d/evil.toml")
			return "etc/jobs.toml"
		},
		"a file of dates": func(s scene) string {
			s.text("etc/conf.d/x.toml", "[tasks.x]\ncommand = \"true\"\nat = \"08:00\"\nexcept = \"file:../../state/runs/dates\"\n")
			return "etc/jobs.toml"
		},
		"the file itself": func(s scene) string {
			s.text("state/logs/t/run.result", "[rota]\nstate_dir = \"../..\"\n[tasks]\n")
			return "state/logs/t/run.result"
		},
		"a link to the last good file": func(s scene) string {
			s.write("state/last-good/1.toml", "y")
			s.link("../../state/last-good/1.toml", "etc/conf.d/evil.toml")
			return "etc/jobs.toml"
		},
	} {
		s := scene{T: t, dir: t.TempDir()}
		s.text("etc/jobs.toml", "[rota]\nstate_dir = \"../state\"\ninclude = \"conf.d/*.toml\"\n[tasks]\n")
		s.write("etc/conf.d/x.toml", "x")
		s.write("state/logs/t/run.result", "y")
		s.write("state/live/a.toml", "z")
		s.text("state/runs/dates", "12-25\n")
		file := prepare(s)
		for _, trust := range []bool{false, true} {
			_, err := Load(s.path(file), Options{TrustFile: trust})
			if !errors.As(err, new(*Errors)) || !strings.Contains(err.Error(), "nothing there is configuration") {
				t.Errorf("%s, trusted %v: %v", name, trust, err)
			}
		}
	}
}

// The file may stand in its state directory, beside what rota makes there.
func TestFileInStateDir(t *testing.T) {
	s := scene{T: t, dir: t.TempDir()}
	s.text("jobs.toml", "[rota]\nstate_dir = \".\"\ninclude = \"conf.d/*.toml\"\n[tasks]\n")
	s.write("conf.d/x.toml", "x")
	s.write("logs/t/run.result", "y")
	_, err := Load(s.path("jobs.toml"), Options{})
	s.must(err)
}

// Files that tasks write are not read as configuration, wherever the daemon keeps them.
func TestFileInOutputs(t *testing.T) {
	for _, dir := range []string{"", "state"} {
		s := scene{T: t, dir: t.TempDir()}
		t.Setenv("ROTA_STATE_DIR", s.path("default"))
		o := Options{}
		if dir != "" {
			o.StateDir = s.path(dir)
		}
		in := cmp.Or(dir, "default")
		s.text("jobs.toml", "[rota]\ninclude = \""+in+"/logs/t/*\"\n[tasks]\n")
		s.write(in+"/logs/t/run.result", "y")
		if _, err := Load(s.path("jobs.toml"), o); err == nil || !strings.Contains(err.Error(), "nothing there is configuration") {
			t.Errorf("in %s: %v", in, err)
		}
	}
}

// Links as Kubernetes mounts them, and a link of root, work as before; a change of them
// is noticed, and no other change is.
func TestTrustedLinks(t *testing.T) {
	for name, c := range map[string]struct {
		trust bool
		mode  os.FileMode // of the volume
	}{
		"a volume of root": {false, 0o755},
		"an open volume":   {true, 0o777},
	} {
		s := scene{T: t, dir: t.TempDir()}
		s.write("volume/..1/jobs.toml", "a INCLUDE")
		s.write("volume/..2/jobs.toml", "b INCLUDE")
		s.write("volume/conf.d/x.toml", "x")
		s.link("..1", "volume/..data")
		s.link("..data/jobs.toml", "volume/jobs.toml")
		s.link("../volume", "etc/rota")
		s.must(os.Chmod(s.path("volume"), c.mode))
		file := s.path("etc/rota/jobs.toml")
		load := func() (*Config, *Seen) {
			o, seen := Options{TrustFile: c.trust}.Remember()
			cfg, err := Load(file, o)
			s.must(err)
			return cfg, seen
		}
		cfg, seen := load()
		if _, ok := cfg.Tasks["a"]; !ok || len(cfg.Tasks) != 2 || !seen.Same() {
			t.Errorf("%s: tasks %v", name, cfg.Tasks)
		}
		s.link("..2", "volume/new")
		s.rename("volume/new", "volume/..data")
		if seen.Same() {
			t.Errorf("%s: the swap is nothing new", name)
		}
		if cfg, seen := load(); !seen.Same() || cfg.Tasks.Get("b").Name != "b" {
			t.Errorf("%s: after the swap %v", name, cfg.Tasks)
		}
		if !c.trust {
			continue
		}
		s.must(os.Chmod(s.path("volume/..2/jobs.toml"), 0o666))
		if _, err := Load(file, Options{TrustFile: true}); err == nil {
			t.Errorf("%s: a file that everybody can change is taken", name)
		}
		if _, err := Load(file, Options{}); err == nil || !strings.Contains(err.Error(), filepath.Base(s.path("volume"))) {
			t.Errorf("%s: without trust: %v", name, err)
		}
	}
}
