package process

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestStopAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stop")
	ask := func(path string) (bool, error) {
		return StopAsked(func(name string) string { return map[string]string{"ROTA_STOP_FILE": path}[name] })
	}
	if asked, err := ask(path); asked || err != nil {
		t.Errorf("before: %v, %v", asked, err)
	}
	write(t, path, "", 0o644)
	if asked, err := ask(path); !asked || err != nil {
		t.Errorf("after: %v, %v", asked, err)
	}
	for _, path := range []string{"", filepath.Join(path, "stop")} {
		if asked, err := ask(path); asked || err == nil {
			t.Errorf("%q: %v, %v, want an error", path, asked, err)
		}
	}
}

// The cost of a run that neither writes a result nor is stopped.
func BenchmarkFiles(b *testing.B) {
	in := Launch{Attempt: Attempt{b.TempDir(), "t/k", 1}}
	for b.Loop() {
		x, err := in.newFiles(nil)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := x.takeResult("nowhere", 100); n != 0 || err != nil {
			b.Fatal(n, err)
		}
		x.close()
	}
}

// The end of one run removes no files of others, even if their names are similar.
func TestFilesOfLikeNames(t *testing.T) {
	dir := t.TempDir()
	make := func(run string, attempt int) *runFiles {
		x, err := Launch{Attempt: Attempt{dir, run, attempt}}.newFiles(nil)
		if err != nil {
			t.Fatal(err)
		}
		write(t, x.resultPath(), "half", 0o600)
		x.requestStop()
		return x
	}
	others := []*runFiles{make("t/k.1", 1), make("t/k.1", 2), make("t/k.1.result", 1), make("t/k", 11)}
	mine := make("t/k", 1)
	write(t, mine.resultPath()+".new", "x", 0o600)
	mine.close()
	for _, x := range others {
		for _, path := range []string{x.resultPath(), x.stopPath()} {
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
		}
		x.close()
	}
	if left, _ := os.ReadDir(dir + "/live"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A directory in the place of a removed one is not used: whoever made it could lead rota
// anywhere.
func TestLeftFilesThatSomebodyElseMade(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	directory, victim := filepath.Join(temp, "rota-known"), filepath.Join(temp, "secret")
	link := Attempt{dir, "t/k", 1}.stem() + directorySuffix
	err := errors.Join(os.MkdirAll(filepath.Join(directory, "own"), 0o755), os.Chmod(directory, 0o777), os.Symlink(victim, filepath.Join(directory, "stop")), os.MkdirAll(filepath.Dir(link), 0o700), os.Symlink(directory, link))
	if err != nil {
		t.Fatal(err)
	}
	write(t, victim, "x", 0o600)
	write(t, filepath.Join(directory, "own", "precious"), "x", 0o600)
	left := staleFiles(Attempt{dir, "t/k", 1}.stem())
	left.requestStop()
	left.close()
	if info, err := os.Stat(victim); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v: its mode was changed", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(directory, "own", "precious")); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "live")); len(entries) > 0 {
		t.Errorf("left: %v", entries)
	}
}

// The files of a killed shim are removed when its run is given up, and when a daemon
// starts.
func TestFilesOfAKilledShim(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, user := range []string{"", "games"} {
		var as *Account
		if user != "" {
			if os.Getuid() != 0 {
				t.Skip("only root can switch users")
			}
			as, _ = LookupUser(t.Context(), user, "")
		}
		l := Launch{Attempt: Attempt{t.TempDir(), "t/k", 1}}
		for _, end := range []func(){
			func() { l.Attempt.Clear(os.Geteuid(), Termination{}) },
			func() { RemoveStale(l.Attempt.StateDir) },
		} {
			f, err := l.newFiles(as)
			if err != nil {
				t.Fatal(err)
			}
			write(t, f.resultPath(), "half", 0o600)
			write(t, f.stem+takenSuffix, "half", 0o600)
			f.requestStop()
			end()
			wipings.Wait()
			if left, _ := filepath.Glob(l.Attempt.StateDir + "/live/*"); len(left) > 0 {
				t.Errorf("as %q: left: %v", user, left)
			}
			if _, err := os.Stat(f.directory); f.directory != "" && err == nil {
				t.Errorf("as %q: %s is still there", user, f.directory)
			}
		}
	}
}
