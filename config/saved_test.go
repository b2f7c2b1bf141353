package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
	s.must(first.Save(dir))

	// The texts come back as they were, whatever became of the files.
	s.must(os.RemoveAll(s.path("etc")))
	again, err := LoadSaved(dir, o)
	s.must(err)
	if again.Revision != first.Revision || again.Path != file || len(again.Tasks) != 3 || !Diff(first, again).Empty() {
		t.Errorf("saved %+v and loaded %+v", first, again)
	}
	if again.Tasks["x"].Base != s.path("etc/conf.d") {
		t.Errorf("x starts in %s", again.Tasks["x"].Base)
	}

	// Another save leaves nothing of the one before, and no rights to others.
	s.write("etc/jobs.toml", "b")
	second, err := Load(file, o)
	s.must(err)
	s.must(second.Save(dir))
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
