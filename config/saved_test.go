package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSaved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "last-good")
	if _, err := LoadSaved(dir, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before the first: %v", err)
	}
	s := scene{T: t, dir: t.TempDir()}
	s.write("etc/jobs.toml", "INCLUDE a")
	s.write("etc/conf.d/x.toml", "x y")
	file := s.path("etc/jobs.toml")
	o := Options{TrustFile: true}
	first, err := Load(file, o)
	s.must(err)
	s.must(first.Save(dir, o))

	// The saved texts are unchanged, even if the files are gone.
	s.must(os.RemoveAll(s.path("etc")))
	again, err := LoadSaved(dir, o)
	s.must(err)
	if again.Revision != first.Revision || again.Path != file || len(again.Tasks) != 3 || !Diff(first, again).Empty() {
		t.Errorf("saved %+v and loaded %+v", first, again)
	}
	if again.Tasks.Get("x").Base != s.path("etc/conf.d") {
		t.Errorf("x starts in %s", again.Tasks.Get("x").Base)
	}

	// Another save leaves nothing of the one before, and no rights to others.
	s.write("etc/jobs.toml", "b")
	second, err := Load(file, o)
	s.must(err)
	s.must(second.Save(dir, o))
	again, err = LoadSaved(dir, o)
	s.must(err)
	if again.Revision != second.Revision {
		t.Errorf("loaded %+v", again)
	}
	entries, err := os.ReadDir(dir)
	s.must(err)
	if len(entries) != 2 {
		t.Errorf("there are %v", entries)
	}
	for _, e := range entries {
		info, err := e.Info()
		s.must(err)
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %o", e.Name(), info.Mode())
		}
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		text, err := os.ReadFile(name)
		s.must(err)
		s.must(os.WriteFile(name, append(text, "# spoiled"...), 0o600))
		if _, err := LoadSaved(dir, o); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was spoiled, and the error is %v", e.Name(), err)
		}
		s.must(os.WriteFile(name, text, 0o600))
	}
}

// A directory that other users can change is neither read as the saved copy nor written
// to.
func TestSavedByOthers(t *testing.T) {
	foreign := func(path string) error { return os.Chown(path, 1000, -1) }
	anybody := func(path string) error { return os.Chmod(path, 0o777) }
	for _, c := range []struct {
		path   string // "*": the saved text
		change func(path string) error
		trust  bool
		load   string // a part of the error
		save   bool   // it can be replaced
	}{
		{"state/last-good/*", foreign, false, "the file belongs to uid 1000, and rota runs as root; type: chown root ", true},
		{"state/last-good/manifest.json", foreign, false, "the file belongs to uid 1000", true},
		{"state/last-good", foreign, false, "state/last-good: the directory belongs to uid 1000", false},
		{"state", foreign, false, "state: the directory belongs to uid 1000", false},
		{".", foreign, false, ": the directory belongs to uid 1000", false},
		{".", anybody, false, ": anybody may change the directory", false},
		{"state", foreign, true, "", true},
		{"state/last-good/*", anybody, true, "anybody may change the file", true},
		{"state/last-good/manifest.json", anybody, true, "anybody may change the file", true},
		{"state/last-good", anybody, true, "", true}, // a volume of Kubernetes is so
		{"state", anybody, true, "", true},
	} {
		s := scene{T: t, dir: t.TempDir()}
		s.write("jobs.toml", "a")
		o := Options{TrustFile: true}
		cfg, err := Load(s.path("jobs.toml"), o)
		s.must(err)
		dir := s.path("state/last-good")
		s.must(cfg.Save(dir, o))
		path := s.path(c.path)
		if filepath.Base(path) == "*" {
			path = filepath.Join(dir, savedName(cfg.Path, cfg.Sources[0].Text))
		}
		if err := c.change(path); errors.Is(err, fs.ErrPermission) {
			continue // only root can give a file away
		} else {
			s.must(err)
		}
		o.TrustFile = c.trust
		if _, err := LoadSaved(dir, o); (err == nil) != (c.load == "") || err != nil && (!strings.Contains(err.Error(), c.load) || errors.Is(err, fs.ErrNotExist)) {
			t.Errorf("%s: %v, want %q", c.path, err, c.load)
		}
		if err := cfg.Save(dir, o); (err == nil) != c.save {
			t.Errorf("saved again in spite of %s: %v", c.path, err)
		} else if _, err := LoadSaved(dir, o); (err == nil) != c.save {
			t.Errorf("after saving again in spite of %s: %v", c.path, err)
		}
	}
}
