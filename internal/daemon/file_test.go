package daemon

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"rota/config"
)

// What happens to other files in the folder is no reload; who asks gets one.
func TestReloadOnlyWhatChanged(t *testing.T) {
	const good, bad = "[tasks.a]\ncommand = \"true\"\n", "[tasks.a]\ncommand = 1\n"
	for _, c := range []struct {
		name  string
		text  string // of the file at the start, after a good one was saved
		asked bool
		want  string // the first that the service manager is told
	}{
		{"right", good, false, "END"},
		{"wrong", bad, false, "END"},
		{"right and asked", good, true, "RELOADING=1"},
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
			must(t, saved.Save(filepath.Join(dir, "state", "last-good")))
			must(t, os.WriteFile(path, []byte(header+c.text), 0o600))
			f := newFile(Options{Config: path})
			cfg, _, err := f.first()
			must(t, err)
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			must(t, err)
			defer null.Close()
			o := Options{Stdout: null, Stderr: null}
			f.reload(t.Context(), newLoop(o, newOutputs(o), cfg, dir), c.asked)
			notify("END")
			buf := make([]byte, len(c.want))
			_, err = manager.Read(buf)
			must(t, err)
			if got := string(buf); got != c.want {
				t.Errorf("the service manager heard %q, want %q", got, c.want)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
