package config

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// include matches files only, each once, ordered by path, and none whose name begins with
// a dot.
func TestIncludes(t *testing.T) {
	for _, c := range []struct {
		include string
		files   []string // below the directory of jobs.toml; a slash at the end makes a directory
		want    string   // the tasks, which are named after their files
	}{
		{`"conf.d/*.toml"`, []string{"conf.d/b.toml", "conf.d/a.toml"}, "a b"},
		{`"conf.d/*.toml"`, nil, ""},
		{`["conf.d/*.toml", "conf.d/a*"]`, []string{"conf.d/a.toml"}, "a"},
		{`"conf.d/*"`, []string{"conf.d/a.toml", "conf.d/deep/"}, "a"},
		{`"conf.d/*"`, []string{"conf.d/a.toml", "conf.d/.a.toml.swp", "conf.d/..data/"}, "a"},
		{`"*/*.toml"`, []string{"one/a.toml", ".git/b.toml", "two/c.toml"}, "a c"},
		{`".hidden/*.toml"`, []string{".hidden/a.toml"}, "a"},
		{`"*.toml"`, []string{"a.toml"}, "a"}, // and jobs.toml itself not again
		{`"../other/*.toml"`, []string{"../other/a.toml"}, "a"},
	} {
		for _, directory := range []string{"etc", "we*rd [x]"} { // the second would be a pattern itself
			s := scene{T: t, dir: filepath.Join(t.TempDir(), directory)}
			s.write("jobs.toml", "")
			s.must(os.WriteFile(s.path("jobs.toml"), []byte("[rota]\ninclude = "+c.include+"\n"), 0o644))
			for _, f := range c.files {
				if strings.HasSuffix(f, "/") {
					s.must(os.MkdirAll(s.path(f), 0o755))
					continue
				}
				s.write(f, strings.TrimSuffix(filepath.Base(f), ".toml"))
			}
			cfg, err := Load(s.path("jobs.toml"), Options{TrustFile: true})
			if err != nil {
				t.Errorf("%s in %s: %v", c.include, directory, err)
				continue
			}
			if got := strings.Join(slices.Sorted(maps.Keys(cfg.Tasks)), " "); got != c.want {
				t.Errorf("%s in %s: tasks %q, want %q", c.include, directory, got, c.want)
			}
			if !slices.IsSortedFunc(cfg.Sources[1:], func(a, b Source) int { return strings.Compare(a.Path, b.Path) }) {
				t.Errorf("%s: sources %v", c.include, cfg.Sources)
			}
		}
	}
}

// Half a file that is included, such as one that is about to be written, does
// not take its tasks away.
func TestIncludedIsEmpty(t *testing.T) {
	s := scene{T: t, dir: t.TempDir()}
	s.write("jobs.toml", "INCLUDE a")
	for text, refused := range map[string]bool{"": true, "# [tasks.b]\n": true, "\ufeff\n": true, "[tasks]\n": false, "[queues]": false} {
		s.write("conf.d/x.toml", "b")
		s.must(os.WriteFile(s.path("conf.d/x.toml"), []byte(text), 0o644))
		_, err := Load(s.path("jobs.toml"), Options{TrustFile: true})
		if e := (*Errors)(nil); errors.As(err, &e) != refused || refused && e.Faults[0].Msg != "the file is empty" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A file is named as the user would name it from where they are.
func TestIncludedName(t *testing.T) {
	s := scene{T: t, dir: t.TempDir()}
	s.write("etc/jobs.toml", "INCLUDE a")
	s.write("etc/conf.d/x.toml", "x x")
	t.Chdir(s.dir)
	for given, want := range map[string]string{
		"etc/jobs.toml":         "etc/conf.d/x.toml",
		"./etc/jobs.toml":       "etc/conf.d/x.toml",
		s.path("etc/jobs.toml"): s.path("etc/conf.d/x.toml"),
	} {
		_, err := Load(given, Options{TrustFile: true})
		if e := (*Errors)(nil); !errors.As(err, &e) || e.Faults[0].File != want {
			t.Errorf("%s: %v, want a fault in %s", given, err, want)
		}
	}
}
