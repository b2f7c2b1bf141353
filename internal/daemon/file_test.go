package daemon

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/hungtest"
)

// What happens to other files in the directory is no reload; who asks gets one.
func TestReloadOnlyWhatChanged(t *testing.T) {
	const good, bad = "[tasks.a]\ncommand = \"true\"\n", "[tasks.a]\ncommand = 1\n"
	for _, c := range []struct {
		name string
		text string // of the file at the start, after a good one was saved
		who  string // asks
		want string // the first that the service manager is told
	}{
		{"right", good, "", "END"},
		{"wrong", bad, "", "END"},
		{"right and asked", good, "ada", "RELOADING=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "socket"))
			manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "socket"), Net: "unixgram"})
			must(t, err)
			defer manager.Close()
			path := filepath.Join(dir, "jobs.toml")
			header := "[rota]\nstate_dir = \"state\"\n"
			saved, err := config.Parse(path, header+good, config.Options{})
			must(t, err)
			must(t, saved.Save(filepath.Join(dir, "state", "last-good"), config.Options{}))
			must(t, os.WriteFile(path, []byte(header+c.text), 0o600))
			f := newFile(Options{Config: path})
			cfg, _, err := f.first()
			must(t, err)
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			must(t, err)
			defer null.Close()
			o := Options{Stdout: null, Stderr: null}
			f.reload(t.Context(), newLoop(o, newOutputs(o), cfg, dir), c.who)
			sdNotify("END")
			buf := make([]byte, len(c.want))
			_, err = manager.Read(buf)
			must(t, err)
			if got := string(buf); got != c.want {
				t.Errorf("the service manager heard %q, want %q", got, c.want)
			}
		})
	}
}

// A last good file that others may change is of no use, and that is said.
func TestFirstTrustsNoOthers(t *testing.T) {
	const trap = "cannot start from the last good file: "
	dir := t.TempDir()
	path, last := filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "state", "last-good")
	good := "rota.state_dir = 'state'\n"
	saved, err := config.Parse(path, good, config.Options{})
	must(t, err)
	must(t, saved.Save(last, config.Options{}))
	must(t, os.WriteFile(path, []byte(good+"wrong"), 0o600))
	f := newFile(Options{Config: path})
	_, broken, err := f.first()
	must(t, err)
	if broken == nil {
		t.Error("the file is right")
	}
	must(t, os.Chmod(last, 0o777))
	if _, _, err := f.first(); err == nil || !strings.Contains(err.Error(), trap+last+": anybody may change the directory; type: chmod o-w "+last) {
		t.Error(err)
	}
}

// A start while an include does not answer is one from the last good file.
func TestFirstWhileAMountHangs(t *testing.T) {
	dir := t.TempDir()
	path, conf := filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "conf.d")
	must(t, os.Mkdir(conf, 0o755))
	must(t, os.WriteFile(path, []byte("[rota]\nstate_dir = \"state\"\ninclude = \"conf.d/*\"\n[tasks]\n"), 0o600))
	f := newFile(Options{Config: path})
	f.options.Limit = config.NewLimit(100 * time.Millisecond)
	good, broken, err := f.first()
	must(t, errors.Join(err, broken))
	must(t, good.Save(filepath.Join(dir, "state", "last-good"), config.Options{}))
	hungtest.Mount(t, conf)
	cfg, broken, err := f.first()
	must(t, err)
	if !errors.As(broken, new(*config.Unanswered)) || cfg.Revision != good.Revision {
		t.Errorf("%v, of revision %s", broken, cfg.Revision)
	}
}

// Reloads that wait for one that does not come to its end do not become ever more.
func TestReloadsDoNotPileUp(t *testing.T) {
	f := newFile(Options{})
	end, err := f.begin(t.Context())
	must(t, err)
	var waiting sync.WaitGroup
	for range mostReloads {
		waiting.Go(func() {
			if end, err := f.begin(t.Context()); err == nil {
				end()
			} else {
				t.Error(err)
			}
		})
	}
	for f.waiting.Load() < mostReloads {
		runtime.Gosched()
	}
	if _, err := f.begin(t.Context()); api.CodeOf(err) != api.NotNow || api.CodeOf(fileError("jobs.toml", err, nil)) != api.NotNow {
		t.Errorf("one more: %v", err)
	}
	end()
	waiting.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
