package command

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/daemon"
)

// address is how to reach a daemon.
type address struct {
	url, socket string // one of them is given
	token       string // "": the socket identifies the user, or nothing does
	userSocket  string // the socket of a daemon of the user, where socket is that of the machine instead
	file        string // absolute path of the file that the daemon must run; "": any
}

// dial returns a client of the daemon.
func (p address) dial() (api.Service, error) {
	return control.NewClient(control.Target{Socket: p.socket, URL: p.url, Token: p.token})
}

// startHint adds how to start the daemon of a file other than that of the machine.
func (p address) startHint(err error) error {
	var e *api.Error
	if p.file == "" || p.file == systemFile || !errors.As(err, &e) || !strings.HasPrefix(e.Hint, "start it: ") {
		return err
	}
	return &api.Error{Code: e.Code, Message: e.Message, Hint: "start it: rota daemon --config " + p.file}
}

// findDaemon finds the address of the daemon from flags, environment and file. The file
// may be missing or have errors.
func findDaemon(c *cli.Context) (address, error) {
	p := address{url: c.String("url"), socket: c.String("socket")}
	switch own := os.Getenv("ROTA_SOCKET"); {
	case p.url != "" && (p.socket == own || p.url != os.Getenv("ROTA_URL")):
		p.socket = "" // flags take precedence over the environment
	case p.socket != "":
		p.url = ""
		if p.socket == own {
			p.token = os.Getenv("ROTA_TOKEN") // for the daemon of this run, and no other
		}
	default:
		p.socket, p.userSocket, p.file = socketOf(c)
	}
	if path := c.String("token-file"); path != "" {
		var err error
		if p.token, err = tokenIn(path); err != nil {
			return p, err
		}
	}
	return p, nil
}

// systemSocket is where the daemon of the whole machine answers; a test has one of its own.
var systemSocket = "/run/rota/rota.sock"

// socketOf returns the socket that goes with the file and, if the user named
// the file, its path. Where the file sets no socket and the user has no daemon, it is
// the socket of the machine, whose daemon may run that file, too; usual is then the
// socket of the user's daemon.
func socketOf(c *cli.Context) (socket, usual, path string) {
	named := c.String("config") != ""
	path, err := file(c)
	own, dir := config.SocketOf(path), config.StateDirOf(path)
	socket = daemon.SocketPath(own, dir)
	if _, gone := os.Stat(socket); gone != nil {
		_, there := os.Stat(systemSocket)
		switch {
		case !named && (err != nil || path == systemFile):
			socket = systemSocket
		case named && own == "" && dir == "" && there == nil && socket != systemSocket:
			socket, usual = systemSocket, socket
		}
	}
	if !named {
		return socket, "", ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return socket, usual, path
}

// maxToken is more than any token has.
const maxToken = 4 << 10

// tokenIn returns the token in a file.
func tokenIn(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fail(exitFailed, "", "cannot read the token: %v", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	token := strings.TrimSpace(string(text))
	switch {
	case err != nil:
		return "", fail(exitFailed, "", "cannot read the token: %v", err)
	case len(text) > maxToken || token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fail(exitFailed, "a token is one line of printable ASCII", "%s has no valid token", path)
	}
	return token, nil
}
