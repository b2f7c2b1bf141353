package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// scene is a directory with a file that is watched.
type scene struct {
	*testing.T
	dir  string
	seen chan string
}

// watched starts to watch jobs.toml in a new directory that prepare has filled.
func watched(t *testing.T, prepare func(s scene)) scene {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := scene{t, dir, make(chan string, 1000)}
	prepare(s)
	file := filepath.Join(s.dir, "etc/jobs.toml")
	c, err := Load(file, Options{TrustFile: true})
	if err != nil {
		t.Fatal(err)
	}
	var current atomic.Pointer[Config]
	current.Store(c)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Watch(ctx, func() []string { return current.Load().Dirs() }, nil, func() {
			c, err := Load(file, Options{TrustFile: true})
			if err != nil {
				s.seen <- "error"
				return
			}
			current.Store(c)
			s.seen <- strings.Join(slices.Sorted(maps.Keys(c.Tasks)), " ")
		}, func(err error) { t.Errorf("warning: %v", err) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("watching ended: %v", err)
		}
	})
	return s
}

// expect waits until the names of the tasks are as given.
func (s scene) expect(names string) {
	s.Helper()
	deadline := time.After(2 * time.Minute)
	last := "nothing"
	for {
		select {
		case last = <-s.seen:
			if last == names {
				return
			}
		case <-deadline:
			s.Fatalf("tasks are %q, want %q", last, names)
		}
	}
}

func (s scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s scene) path(name string) string { return filepath.Join(s.dir, name) }

// write makes a file with tasks of the given names.
func (s scene) write(name, tasks string) {
	s.Helper()
	s.text(name, jobs(tasks))
}

// text makes a file with the given text.
func (s scene) text(name, text string) {
	s.Helper()
	s.must(os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
	s.must(os.WriteFile(s.path(name), []byte(text), 0o644))
}

func (s scene) rename(from, to string) { s.Helper(); s.must(os.Rename(s.path(from), s.path(to))) }

func (s scene) link(target, name string) {
	s.Helper()
	s.must(os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
	s.must(os.Symlink(target, s.path(name)))
}

func jobs(names string) string {
	var b strings.Builder
	for name := range strings.FieldsSeq(names) {
		if name == "EXCEPT" { // of the task before
			b.WriteString("at = \"08:00\"\nexcept = \"file:../far/holidays.txt\"\n")
			continue
		}
		if name == "INCLUDE" {
			b.WriteString("[rota]\ninclude = [\"conf.d/*.toml\"]\n")
			continue
		}
		fmt.Fprintf(&b, "[tasks.%s]\ncommand = \"true\"\n", name)
	}
	return b.String()
}

func TestWatch(t *testing.T) {
	plain := func(s scene) { s.write("etc/jobs.toml", "a") }
	including := func(s scene) {
		s.write("etc/jobs.toml", "INCLUDE a")
		s.write("etc/conf.d/x.toml", "x")
	}
	for _, c := range []struct {
		name    string
		prepare func(s scene)
		before  string
		edit    func(s scene)
		after   string
	}{
		{"in place", plain, "a", func(s scene) {
			f, err := os.OpenFile(s.path("etc/jobs.toml"), os.O_WRONLY|os.O_APPEND, 0)
			s.must(err)
			_, err = f.WriteString(jobs("b"))
			s.must(err)
			s.must(f.Close())
		}, "a b"},
		{"truncate and write", plain, "a", func(s scene) { s.write("etc/jobs.toml", "b") }, "b"},
		{"mv", plain, "a", func(s scene) {
			s.write("etc/.new", "b")
			s.rename("etc/.new", "etc/jobs.toml")
		}, "b"},
		{"vim", plain, "a", func(s scene) {
			s.write("etc/4913", "")
			s.must(os.Remove(s.path("etc/4913")))
			s.rename("etc/jobs.toml", "etc/jobs.toml~")
			s.write("etc/jobs.toml", "b")
			s.must(os.Remove(s.path("etc/jobs.toml~")))
		}, "b"},
		{"removed", plain, "a", func(s scene) { s.must(os.Remove(s.path("etc/jobs.toml"))) }, "error"},
		{"removed and made anew", plain, "a", func(s scene) {
			s.must(os.Remove(s.path("etc/jobs.toml")))
			s.expect("error")
			s.write("etc/jobs.toml", "b")
		}, "b"},
		{"ConfigMap", func(s scene) {
			s.write("etc/..1/jobs.toml", "a")
			s.link("..1", "etc/..data")
			s.link("..data/jobs.toml", "etc/jobs.toml")
		}, "a", func(s scene) {
			s.write("etc/..2/jobs.toml", "b")
			s.link("..2", "etc/..data_tmp")
			s.rename("etc/..data_tmp", "etc/..data")
			s.must(os.RemoveAll(s.path("etc/..1")))
		}, "b"},
		{"the file that a link leads to", func(s scene) {
			s.write("far/away.toml", "a")
			s.link("../far/away.toml", "etc/jobs.toml")
		}, "a", func(s scene) { s.write("far/away.toml", "b") }, "b"},
		{"the directory is a link", func(s scene) {
			s.write("releases/1/jobs.toml", "a")
			s.write("releases/2/jobs.toml", "b")
			s.link("releases/1", "etc")
		}, "a", func(s scene) {
			s.link("releases/2", "etc.new")
			s.rename("etc.new", "etc")
		}, "b"},
		{"rename into an included directory", including, "a x", func(s scene) {
			s.write("etc/conf.d/.y", "y")
			s.rename("etc/conf.d/.y", "etc/conf.d/y.toml")
		}, "a x y"},
		{"remove an included file", including, "a x", func(s scene) {
			s.must(os.Remove(s.path("etc/conf.d/x.toml")))
		}, "a"},
		{"included directory made later", func(s scene) { s.write("etc/jobs.toml", "INCLUDE a") }, "a", func(s scene) {
			s.write("etc/conf.d/x.toml", "x")
		}, "a x"},
		{"a later edit names another directory", plain, "a", func(s scene) {
			s.must(os.Mkdir(s.path("etc/conf.d"), 0o755))
			s.write("etc/jobs.toml", "INCLUDE a")
			s.expect("a")
			s.write("etc/conf.d/x.toml", "x")
		}, "a x"},
		{"included directory removed and made anew", including, "a x", func(s scene) {
			s.must(os.RemoveAll(s.path("etc/conf.d")))
			s.expect("a")
			s.write("etc/conf.d/y.toml", "y")
			s.expect("a y")
			s.write("etc/conf.d/z.toml", "z")
		}, "a y z"},
		{"included directory replaced at once", including, "a x", func(s scene) {
			s.write("etc/new.d/y.toml", "y")
			s.rename("etc/conf.d", "etc/old.d")
			s.rename("etc/new.d", "etc/conf.d")
			s.expect("a y")
			s.write("etc/conf.d/z.toml", "z")
		}, "a y z"},
		{"a directory above replaced", func(s scene) {
			s.write("deep/app/now/jobs.toml", "a")
			s.link("deep/app/now", "etc")
		}, "a", func(s scene) {
			s.write("deep/new/now/jobs.toml", "b")
			s.rename("deep/app", "deep/old")
			s.rename("deep/new", "deep/app")
			s.expect("b")
			s.write("etc/jobs.toml", "c")
		}, "c"},
		{"a directory above removed and made anew", func(s scene) {
			s.write("deep/app/now/jobs.toml", "a")
			s.link("deep/app/now", "etc")
		}, "a", func(s scene) {
			s.must(os.RemoveAll(s.path("deep")))
			s.expect("error")
			s.write("deep/app/now/jobs.toml", "b")
			s.expect("b")
			s.write("etc/jobs.toml", "c")
		}, "c"},
		{"a file of dates", func(s scene) {
			s.write("etc/jobs.toml", "a EXCEPT")
			s.text("far/holidays.txt", "12-25")
		}, "a", func(s scene) {
			s.text("far/.new", "12-32")
			s.rename("far/.new", "far/holidays.txt")
			s.expect("error")
			s.text("far/holidays.txt", "12-31")
		}, "a"},
		{"the whole directory removed and made anew", including, "a x", func(s scene) {
			s.must(os.RemoveAll(s.path("etc")))
			s.expect("error")
			s.write("etc/jobs.toml", "b")
			s.expect("b")
			s.write("etc/jobs.toml", "c")
		}, "c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := watched(t, c.prepare)
			s.T = t
			s.expect(c.before) // the call at the start
			c.edit(s)
			s.expect(c.after)
		})
	}
}

// A burst of events is one change, reported when it is over or a second old.
func TestWatchWaitsForQuiet(t *testing.T) {
	for _, c := range []struct {
		name     string
		events   []time.Duration // since the start
		notified []time.Duration
	}{
		{"one event", []time.Duration{time.Second}, []time.Duration{1200 * time.Millisecond}},
		{"two in a row", []time.Duration{0, 150 * time.Millisecond}, []time.Duration{350 * time.Millisecond}},
		{"two apart", []time.Duration{0, 300 * time.Millisecond}, []time.Duration{200 * time.Millisecond, 500 * time.Millisecond}},
		{"no quiet for 1.5 s", every(100*time.Millisecond, 16), []time.Duration{time.Second, 1700 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				events := make(chan fsnotify.Event)
				var notified []time.Duration
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() {
					ended <- watch(ctx, watchSource{events: events}, func() (bool, error) { return false, nil }, func() { notified = append(notified, time.Since(start)) })
				}()
				for _, at := range c.events {
					time.Sleep(at - time.Since(start))
					events <- fsnotify.Event{}
				}
				time.Sleep(time.Minute)
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if !slices.Equal(notified, c.notified) {
					t.Errorf("notified at %v, want %v", notified, c.notified)
				}
			})
		})
	}
}

func every(d time.Duration, n int) []time.Duration {
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = time.Duration(i) * d
	}
	return list
}

// Of what happens above the directories only that counts which is on the way to them.
func TestWatchConcerns(t *testing.T) {
	f := dirWatcher{watcher: &few{}, dirs: func() []string { return []string{"/srv/app/etc", "/srv/link"} }}
	if _, err := f.update(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"/srv/app/etc/jobs.toml": true, "/srv/app/etc": true, "/srv/app": true, "/srv": true, "/": true, "/srv/link/x": true,
		"/srv/app/log": false, "/srv/other": false, "/tmp": false, "/srv/app/log/etc": false,
	} {
		if got := f.concerns(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if got := f.watcher.WatchList(); len(got) != 5 {
		t.Errorf("watched: %s", got)
	}
}

// A caller can have the watches renewed.
func TestWatchAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		again, renewed := make(chan struct{}), 0
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- watch(ctx, watchSource{again: again}, func() (bool, error) { renewed++; return false, nil }, func() {})
		}()
		synctest.Wait()
		before := renewed
		again <- struct{}{}
		time.Sleep(quietTime)
		synctest.Wait()
		if renewed <= before {
			t.Error("the watches were not renewed")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Lost events are an event; the end of the events is an error.
func TestWatchErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events, errs := make(chan fsnotify.Event), make(chan error)
		notified := make(chan bool, 1)
		ended := make(chan error)
		go func() {
			ended <- watch(t.Context(), watchSource{events: events, errs: errs}, func() (bool, error) { return false, nil }, func() { notified <- true })
		}()
		errs <- fsnotify.ErrEventOverflow
		<-notified
		close(events)
		if err := <-ended; err == nil {
			t.Error("no error at the end of events")
		}
	})
	broken := errors.New("no more watches")
	err := watch(t.Context(), watchSource{}, func() (bool, error) { return false, broken }, func() {})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// few is a watcher that cannot watch some directories.
type few struct {
	watched []string
	cannot  map[string]error
}

func (w *few) WatchList() []string { return w.watched }

func (w *few) Add(dir string) error {
	if err := w.cannot[dir]; err != nil {
		return err
	}
	if !slices.Contains(w.watched, dir) {
		w.watched = append(w.watched, dir)
	}
	return nil
}

func (w *few) Remove(dir string) error {
	w.watched = slices.DeleteFunc(slices.Clone(w.watched), func(d string) bool { return d == dir })
	return nil
}

// A directory that cannot be watched is reported once, and the others are watched all
// the same. It is tried again each time.
func TestWatchSome(t *testing.T) {
	w := &few{}
	var said []string
	f := dirWatcher{watcher: w, warn: func(err error) { said = append(said, err.Error()) }}
	denied, full := map[string]error{}, map[string]error{}
	for _, dir := range strings.Fields("b c d e f g h i") {
		denied[dir], full[dir] = syscall.EACCES, syscall.ENOSPC
	}
	const limit = "the system's limit of watched directories is reached; raise fs.inotify.max_user_watches"
	for i, step := range []struct {
		dirs   string
		cannot map[string]error
		watch  string // what is then watched
		isNew  bool
		warn   string
		err    string
	}{
		{"a b c", map[string]error{"b": syscall.EACCES}, "a c", true, "cannot watch b: permission denied", ""},
		{"a b c", map[string]error{"b": syscall.EACCES}, "a c", false, "", ""},
		{"a b c", nil, "a c b", true, "", ""},
		{"a", nil, "a", false, "", ""},
		{"a b", map[string]error{"b": syscall.ENOENT}, "a", false, "", ""},
		{"a b c d e f g h i", full, "a", false, "cannot watch b, c, d, e, f, g and 2 more: " + limit, ""},
		{"a b", denied, "a", false, "cannot watch b: permission denied", ""}, // for another reason
		{"a", denied, "a", false, "", ""},
		{"a b", denied, "a", false, "cannot watch b: permission denied", ""}, // another of the name
		{"b c", denied, "", false, "", "cannot watch b: permission denied"},
	} {
		said, w.cannot = nil, step.cannot
		f.dirs = func() []string { return strings.Fields(step.dirs) }
		isNew, err := f.update()
		got := ""
		if err != nil {
			got = err.Error()
		}
		if strings.Join(w.watched, " ") != step.watch || isNew != step.isNew || strings.Join(said, "\n") != step.warn || got != step.err {
			t.Errorf("step %d: watched %s, new %v, warned %q, error %q", i, w.watched, isNew, said, got)
		}
	}
}

func TestDirs(t *testing.T) {
	s := scene{T: t}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	s.must(err)
	s.dir = dir
	s.write("etc/jobs.toml", "")
	s.write("etc/conf.d/x.toml", "")
	s.write("etc/teams/red/x.toml", "")
	s.write("etc/teams/blue/x.toml", "")
	s.write("data/jobs.toml", "")
	s.link("data", "current")
	s.link("../current/jobs.toml", "etc/link.toml")
	s.link("loop", "loop")
	for _, c := range []struct {
		file  string
		globs []string
		want  []string
	}{
		{"etc/jobs.toml", nil, []string{"etc"}},
		{"etc/gone.toml", nil, []string{"etc"}},
		{"gone/deep/jobs.toml", nil, []string{""}},
		{"etc/jobs.toml/x", nil, []string{"etc"}},
		{"etc/link.toml", nil, []string{"", "data", "etc"}},
		{"current/jobs.toml", nil, []string{"", "data"}},
		{"loop/jobs.toml", nil, []string{""}},
		{"etc/jobs.toml", []string{"etc/conf.d/*.toml"}, []string{"etc", "etc/conf.d"}},
		{"etc/jobs.toml", []string{"etc/nowhere/deep/*.toml"}, []string{"etc"}},
		{"etc/jobs.toml", []string{"etc/teams/*/x.toml"}, []string{"etc", "etc/teams", "etc/teams/blue", "etc/teams/red"}},
		{"etc/jobs.toml", []string{"current/*"}, []string{"", "data", "etc"}},
	} {
		cfg := &Config{Sources: []Source{{Path: s.path(c.file)}}}
		for _, g := range c.globs {
			cfg.Globs = append(cfg.Globs, s.path(g))
		}
		var want []string
		for _, w := range c.want {
			want = append(want, s.path(w))
		}
		if got := cfg.Dirs(); !slices.Equal(got, want) {
			t.Errorf("%s %s: %s, want %s", c.file, c.globs, got, want)
		}
	}
}
