package config

import (
	"os"
	"testing"
	"time"
)

// Which changes another Load would notice, and which it would not.
func TestSeen(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(s scene)
		same bool
	}{
		{"nothing", func(s scene) {}, true},
		{"another file in the directory", func(s scene) { s.text("etc/jobs.toml~", "x") }, true},
		{"another file in an included directory", func(s scene) { s.text("etc/conf.d/x.log", "x") }, true},
		{"written again as it was", func(s scene) { s.write("etc/jobs.toml", "a EXCEPT INCLUDE") }, true},
		{"the file", func(s scene) { s.write("etc/jobs.toml", "b EXCEPT INCLUDE") }, false},
		{"as long as before", func(s scene) { s.write("etc/conf.d/x.toml", "z") }, false},
		{"the file is gone", func(s scene) { s.must(os.Remove(s.path("etc/jobs.toml"))) }, false},
		{"anybody may change the file", func(s scene) { s.must(os.Chmod(s.path("etc/jobs.toml"), 0o666)) }, false},
		{"a file of dates", func(s scene) { s.text("far/holidays.txt", "12-26") }, false},
		{"another included file", func(s scene) { s.write("etc/conf.d/y.toml", "y") }, false},
		{"an included file is gone", func(s scene) { s.must(os.Remove(s.path("etc/conf.d/x.toml"))) }, false},
	} {
		s := scene{T: t, dir: t.TempDir()}
		s.write("etc/jobs.toml", "a EXCEPT INCLUDE")
		s.write("etc/conf.d/x.toml", "x")
		s.text("far/holidays.txt", "12-25")
		o, seen := Options{TrustFile: true}.Remember()
		_, err := Load(s.path("etc/jobs.toml"), o)
		s.must(err)
		if c.edit(s); seen.Same() != c.same {
			t.Errorf("%s: same is %v", c.name, !c.same)
		}
	}
}

// A file that is wrong is looked at again when something has changed.
func TestSeenWrong(t *testing.T) {
	s := scene{T: t, dir: t.TempDir()}
	var seen *Seen
	for _, c := range []struct {
		name string
		edit func()
	}{
		{"no file", func() {}},
		{"no dates", func() { s.write("etc/jobs.toml", "a EXCEPT INCLUDE") }},
		{"wrong dates", func() { s.text("far/holidays.txt", "no date") }},
		{"no TOML", func() { s.text("etc/jobs.toml", "no TOML") }},
		{"no directory", func() { s.must(os.RemoveAll(s.path("etc"))) }},
	} {
		if c.edit(); seen.Same() {
			t.Errorf("%s is nothing new", c.name)
		}
		o, now := Options{TrustFile: true}.Remember()
		if _, err := Load(s.path("etc/jobs.toml"), o); err == nil {
			t.Errorf("%s is right", c.name)
		}
		if seen = now; !seen.Same() {
			t.Errorf("%s: something is new where nothing changed", c.name)
		}
	}
}

// Which changes are seen without reading: all that change the file that a path leads to,
// and no others. A file that was changed just before it was read is always read again.
func TestSeenTouched(t *testing.T) {
	for _, c := range []struct {
		name    string
		edit    func(s scene)
		touched bool
	}{
		{"nothing", func(s scene) {}, false},
		{"another file in the directory", func(s scene) { s.text("deep/app/jobs.toml~", "x") }, false},
		{"the size", func(s scene) { s.write("far.toml", "a b EXCEPT INCLUDE") }, true},
		{"the time", func(s scene) { s.must(os.Chtimes(s.path("far.toml"), time.Time{}, time.Unix(1e9, 0))) }, true},
		{"permissions", func(s scene) { s.must(os.Chmod(s.path("far.toml"), 0o600)) }, true},
		{"gone", func(s scene) { s.must(os.Remove(s.path("deep/app/jobs.toml"))) }, true},
		{"a directory above is another one", func(s scene) {
			s.write("deep/new/jobs.toml", "a EXCEPT INCLUDE")
			s.rename("deep/app", "deep/old")
			s.rename("deep/new", "deep/app")
		}, true},
		{"a file of dates", func(s scene) { s.text("deep/far/holidays.txt", "12-26 12-27") }, true},
		{"another included file", func(s scene) { s.write("deep/app/conf.d/y.toml", "y") }, true},
		{"an included file is gone", func(s scene) { s.must(os.Remove(s.path("deep/app/conf.d/x.toml"))) }, true},
	} {
		s := scene{T: t, dir: t.TempDir()}
		s.write("far.toml", "a EXCEPT INCLUDE")
		s.must(os.MkdirAll(s.path("deep/app"), 0o755))
		s.must(os.Link(s.path("far.toml"), s.path("deep/app/jobs.toml")))
		s.write("deep/app/conf.d/x.toml", "x")
		s.text("deep/far/holidays.txt", "12-25")
		o, seen := Options{TrustFile: true}.Remember()
		_, err := Load(s.path("deep/app/jobs.toml"), o)
		s.must(err)
		if !seen.Touched() {
			t.Errorf("%s: files that were just made are taken for old", c.name)
		}
		for path, m := range seen.marks { // some time later
			m.recent = false
			seen.marks[path] = m
		}
		if c.edit(s); seen.Touched() != c.touched {
			t.Errorf("%s: touched is %v", c.name, !c.touched)
		}
	}
}
