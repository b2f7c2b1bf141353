package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/internal/control"
)

// where returns what a command line says of where the daemon is.
func where(t *testing.T, line string) (p address, err error) {
	t.Helper()
	app := (&session{}).app()
	app.Commands = append(app.Commands, &cli.Command{Name: "where", HideHelp: true, Action: func(c *cli.Context) error {
		p, err = findDaemon(c)
		return nil
	}})
	args, wrong := normalise(app, words("where "+line))
	if wrong != nil {
		t.Fatal(wrong)
	}
	if wrong := app.Run(args); wrong != nil {
		t.Fatal(wrong)
	}
	return p, err
}

func TestWhereDaemon(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	socket := file("socket.toml", "[rota]\nsocket = 'run/x.sock'\nstate_dir = 'state'\n")
	state := file("state.toml", "[rota]\nstate_dir = 'state'\n")
	broken := file("broken.toml", "[rota]\nstate_dir = 'state'\nwrong\n")
	gone := filepath.Join(dir, "gone.toml")
	file("token", "sesame\n")
	file("empty", "\n")
	file("two", "open sesame\n")

	usual := control.SocketPath("", "")
	defer func(was string) { systemSocket = was }(systemSocket)
	systemSocket = filepath.Join(dir, "machine.sock")
	own := filepath.Join(dir, "state/rota.sock")
	for _, test := range []struct {
		line, env string // NAME=value of the environment, or ""
		want      address
	}{
		{"-s /x", "", address{socket: "/x"}},
		{"--socket rel", "", address{socket: "rel"}},
		{"", "ROTA_SOCKET=/x", address{socket: "/x", token: "run"}},
		{"-s /y", "ROTA_SOCKET=/x", address{socket: "/y"}},
		{"--url https://h", "", address{url: "https://h"}},
		{"", "ROTA_URL=https://h", address{url: "https://h"}},
		{"--url https://h", "ROTA_SOCKET=/x", address{url: "https://h"}},
		{"-s /x", "ROTA_URL=https://h", address{socket: "/x"}},
		{"--url https://h --token-file token", "", address{url: "https://h", token: "sesame"}},
		{"--url https://h", "ROTA_TOKEN_FILE=token", address{url: "https://h", token: "sesame"}},
		{"--token-file token", "ROTA_SOCKET=/x", address{socket: "/x", token: "sesame"}},

		// Else the file says it, wrong or not, and the daemon has to run that one.
		{"-c socket.toml", "", address{socket: filepath.Join(dir, "run/x.sock"), file: socket}},
		{"-c state.toml", "", address{socket: own, file: state}},
		{"-c broken.toml", "", address{socket: own, file: broken}},
		{"-c gone.toml", "", address{socket: usual, file: gone}},
		{"-c state.toml -s /x", "", address{socket: "/x"}},
	} {
		for _, name := range []string{"ROTA_SOCKET", "ROTA_URL", "ROTA_TOKEN_FILE", "ROTA_CONFIG"} {
			t.Setenv(name, "")
		}
		t.Setenv("ROTA_TOKEN", "run")
		if test.env != "" {
			name, value, _ := strings.Cut(test.env, "=")
			t.Setenv(name, value)
		}
		if got, err := where(t, test.line); err != nil || got != test.want {
			t.Errorf("%q with %q: %+v, %v, want %+v", test.line, test.env, got, err, test.want)
		}
	}

	// Where the user has no daemon of their own, that of the machine may run the file.
	if _, err := os.Stat(usual); err != nil {
		file("machine.sock", "")
		t.Setenv("ROTA_SOCKET", "")
		for line, want := range map[string]address{
			"-c gone.toml":  {socket: systemSocket, userSocket: usual, file: gone},
			"-c state.toml": {socket: own, file: state},
		} {
			if got, err := where(t, line); err != nil || got != want {
				t.Errorf("%q: %+v, %v, want %+v", line, got, err, want)
			}
		}
	}
	for _, name := range []string{"nosuch", "empty", "two", dir} {
		if got, err := where(t, "-s /x --token-file "+name); err == nil {
			t.Errorf("%s is the token %q, want an error", name, got.token)
		}
	}
}

// A daemon that hides its path still shows whether it runs a given file.
func TestInForce(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "link.toml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		st   api.Status
		file string
		want bool
	}{
		{api.Status{Config: file}, file, true},
		{api.Status{Config: file}, link, true},
		{api.Status{Config: file}, filepath.Join(dir, "other.toml"), false},
		{api.Status{ConfigID: api.FileID(file)}, file, true},
		{api.Status{ConfigID: api.FileID(file)}, link, true},
		{api.Status{ConfigID: api.FileID(file)}, filepath.Join(dir, "other.toml"), false},
		{api.Status{}, file, false},
	} {
		if got := inForce(c.st, c.file); got != c.want {
			t.Errorf("%+v and %s: %v", c.st, c.file, got)
		}
	}
}
