package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/engine"
	"rota/internal/hungtest"
)

// Changes of other files in the directory cause no reload; a request does.
func TestReloadOnlyWhatChanged(t *testing.T) {
	const good, bad = "[tasks.a]\ncommand = \"true\"\n", "[tasks.a]\ncommand = 1\n"
	for _, c := range []struct {
		name string
		text string // of the file at the start, after a good one was saved
		who  string // asks
		want string // the first notification of the service manager
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
			cfg, _, err := f.loadAtStart()
			must(t, err)
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			must(t, err)
			defer null.Close()
			o := Options{Stdout: null, Stderr: null}
			h := &host{options: o, out: newOutputs(o), log: slog.New(slog.DiscardHandler), access: &webAccess{}}
			h.engine = engine.New(engine.Options{Config: cfg, StateDir: dir, Log: h.log})
			f.reload(t.Context(), h, c.who)
			sdNotify("END")
			buf := make([]byte, len(c.want))
			_, err = manager.Read(buf)
			must(t, err)
			if got := string(buf); got != c.want {
				t.Errorf("the service manager received %q, want %q", got, c.want)
			}
		})
	}
}

// A last good file that other users can change is not used, and that is reported.
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
	_, broken, err := f.loadAtStart()
	must(t, err)
	if broken == nil {
		t.Error("the file is right")
	}
	must(t, os.Chmod(last, 0o777))
	if _, _, err := f.loadAtStart(); err == nil || !strings.Contains(err.Error(), trap+last+": anybody may change the directory; type: chmod o-w "+last) {
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
	good, broken, err := f.loadAtStart()
	must(t, errors.Join(err, broken))
	must(t, good.Save(filepath.Join(dir, "state", "last-good"), config.Options{}))
	hungtest.Mount(t, conf)
	cfg, broken, err := f.loadAtStart()
	must(t, err)
	if !errors.As(broken, new(*config.Unanswered)) || cfg.Revision != good.Revision {
		t.Errorf("%v, of revision %s", broken, cfg.Revision)
	}
}

// Reloads that wait for one that does not come to its end do not become ever more.
func TestReloadsDoNotPileUp(t *testing.T) {
	f := newFile(Options{})
	end, err := f.waitTurn(t.Context())
	must(t, err)
	var waiting sync.WaitGroup
	for range maxWaitingReloads {
		waiting.Go(func() {
			if end, err := f.waitTurn(t.Context()); err == nil {
				end()
			} else {
				t.Error(err)
			}
		})
	}
	for f.waiting.Load() < maxWaitingReloads {
		runtime.Gosched()
	}
	if _, err := f.waitTurn(t.Context()); api.CodeOf(err) != api.NotNow || api.CodeOf(fileError("jobs.toml", err, nil)) != api.NotNow {
		t.Errorf("one more: %v", err)
	}
	end()
	waiting.Wait()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A client can ask at any time whether the file on the disk is the one in force, also if
// the file is not watched.
func TestDiffers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "jobs.toml")
	write := func(text string) { must(t, os.WriteFile(path, []byte("[rota]\nstate_dir = \"state\"\n"+text), 0o600)) }
	write("[tasks]\n")
	inBubble(t, "[tasks.t]\nlog = \"x\"\n", func(r *bubble) {
		f := newFile(Options{Config: path})
		_, _, err := f.loadAtStart()
		must(r.t, err)
		differs := func(want bool) {
			r.t.Helper()
			if st := r.status(f); st.Differs != want {
				r.t.Errorf("differs: %v, want %v", st.Differs, want)
			}
			metrics, err := r.service(f).Metrics(r.t.Context())
			must(r.t, err)
			text, err := io.ReadAll(metrics)
			must(r.t, err)
			if is := strings.Contains(string(text), "\nrota_config_file_differs 1\n"); is != want {
				r.t.Errorf("the metric says that it differs: %v, want %v", is, want)
			}
		}
		differs(false)
		write("[tasks]\n# edited\n")
		differs(true)
		var all sync.WaitGroup
		for range 20 { // at once
			all.Go(func() { differs(true) })
		}
		all.Wait()
		_, err = f.reload(r.t.Context(), r.host, "ada")
		must(r.t, err)
		differs(false)
		write("wrong")
		differs(true)
		if _, err := f.reload(r.t.Context(), r.host, "ada"); err == nil {
			r.t.Error("it is right")
		}
		differs(true) // read, but not in force
		end, err := f.waitTurn(r.t.Context())
		must(r.t, err)
		differs(true)
		end()
	})
}

// Looking for changes is as often as the file in force says, and never with 0s.
func TestLook(t *testing.T) {
	for _, c := range []struct{ every, passes time.Duration }{{10 * time.Second, 10 * time.Second}, {time.Minute, time.Minute}, {0, 0}} {
		path := filepath.Join(t.TempDir(), "jobs.toml")
		must(t, os.WriteFile(path, []byte("[tasks]\n"), 0o600))
		inBubble(t, "[tasks.t]\nlog = \"x\"\n", func(r *bubble) {
			r.cfg.Rota.Watch = c.every
			f := newFile(Options{Config: path})
			if _, _, err := f.loadAtStart(); err != nil {
				r.t.Fatal(err)
			}
			start, looks := time.Now(), []time.Duration(nil)
			ctx, stop := context.WithCancel(r.t.Context())
			go f.poll(ctx, r.host, func() { looks = append(looks, time.Since(start)) })
			must(r.t, os.WriteFile(path, []byte("[tasks]\n# edited\n"), 0o600))
			r.pass(2*time.Minute + time.Second)
			if c.every == 0 && looks != nil || c.every > 0 && (len(looks) == 0 || looks[0] != c.passes) {
				r.t.Errorf("every %v: looked at %v", c.every, looks)
			}
			stop()
			synctest.Wait()
		})
	}
}

// The kernel's resources for events may be used up. They are requested again until that
// works, and that is logged once.
func TestListenAgain(t *testing.T) {
	inBubble(t, "[tasks.t]\nlog = \"x\"\n", func(r *bubble) {
		var log bytes.Buffer
		r.log = slog.New(slog.NewTextHandler(&log, nil))
		f := newFile(Options{Config: r.cfg.Path})
		start, changes := time.Now(), 0
		var asked []time.Duration
		f.watchFiles = func(ctx context.Context, dirs func() []string, _ <-chan struct{}, changed func(), _ func(error)) error {
			if asked = append(asked, time.Since(start)); len(asked) < 3 {
				return errors.New("too many instances")
			}
			dirs()
			changed()
			<-ctx.Done()
			return nil
		}
		ctx, stop := context.WithCancel(r.t.Context())
		go f.watchEvents(ctx, r.host, func() { changes++ })
		r.pass(time.Hour)
		stop()
		synctest.Wait()
		if want := []time.Duration{0, rewatchPause, 2 * rewatchPause}; !slices.Equal(asked, want) || changes != 1 {
			t.Errorf("tried at %v and noticed %d changes, want %v and one", asked, changes, want)
		}
		said := log.String()
		if strings.Count(said, "too many instances") != 1 || strings.Count(said, "watching the file again") != 1 {
			t.Errorf("said %s", said)
		}
	})
}
