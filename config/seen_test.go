package config

import (
	"os"
	"testing"
)

// What another Load would find anew, and what it would not.
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
