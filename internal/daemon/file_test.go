package daemon

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rota/config"
)

// What happens to other files in the folder is no reload; who asks gets one.
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
