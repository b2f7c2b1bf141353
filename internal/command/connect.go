package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"rota/config"
	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/daemon"
	"rota/internal/escape"
	"rota/internal/query"
)

// connectFlags are the global flags that say where the file and the daemon are.
func connectFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Aliases: []string{"c"}, EnvVars: []string{"ROTA_CONFIG"}, Usage: "`FILE` with the tasks"},
		&cli.StringFlag{Name: "socket", Aliases: []string{"s"}, EnvVars: []string{"ROTA_SOCKET"}, Usage: "`PATH` of the daemon's socket"},
		&cli.StringFlag{Name: "url", EnvVars: []string{"ROTA_URL"}, Usage: "`URL` of a daemon on another machine"},
		&cli.StringFlag{Name: "token-file", EnvVars: []string{"ROTA_TOKEN_FILE"}, Usage: "`FILE` with the token for --url"},
	}
}

// service returns the running daemon. Its errors are *api.Error.
func (s *session) service(c *cli.Context) (api.Service, error) {
	p, err := findDaemon(c)
	if err != nil {
		return nil, err
	}
	d, err := p.dial()
	if err != nil {
		return nil, err
	}
	st, err := s.queryStatus(c, d, p)
	switch {
	case api.CodeOf(err) == api.Forbidden: // it runs, but may refuse the request, too
		return d, nil
	case err != nil:
		return nil, explainNoDaemon(c, p, p.startHint(err))
	case p.file != "" && !inForce(st, p.file) && p.userSocket != "":
		return nil, api.Errorf(api.NoDaemon, "start it: rota daemon --config "+p.file, "no daemon at %s", p.userSocket)
	case p.file != "" && !inForce(st, p.file):
		return nil, api.Errorf(api.NoDaemon, "start it: rota daemon --config "+p.file, "the daemon at %s runs %s", p.socket, cmp.Or(st.Config, "another file"))
	}
	s.status = &st
	switch {
	case c.Command.Name == "status": // it prints all of this
	case st.Broken != "":
		s.printNotice(c, "the file has errors; the last good one is in force: "+firstComplaint(st.Broken))
	case st.Differs && c.Command.Name != "reload":
		s.printNotice(c, differsText)
	}
	if st.Draining && slices.Contains(drainNoticeCommands, c.Command.Name) {
		s.printNotice(c, drainText(st, s.zone(c))+"; end it: rota drain --end")
	}
	return d, nil
}

// inForce reports whether a daemon runs a file. A daemon that hides its path from this user
// has an id of the file instead.
func inForce(st api.Status, file string) bool {
	if st.Config != "" {
		return sameFile(st.Config, file)
	}
	target, err := filepath.EvalSymlinks(file)
	return st.ConfigID == api.FileID(file) || err == nil && st.ConfigID == api.FileID(target)
}

// drainNoticeCommands are the commands that print a notice about a drain: they show or
// request runs.
var drainNoticeCommands = []string{"list", "next", "ps", "queue", "release", "run", "show"}

// drainText is the notice that a daemon is draining.
func drainText(st api.Status, zone *time.Location) string {
	text := "rota is being drained"
	if !st.DrainingUntil.IsZero() {
		text += " until " + shortTime(st.DrainingUntil.In(zone), time.Now())
	}
	return text + ": nothing new starts"
}

// pingTime is how long ping waits for an answer.
const pingTime = 5 * time.Second

// queryStatus asks the daemon for its status, which it answers at once. On a terminal a
// notice says so if it does not.
func (s *session) queryStatus(c *cli.Context, d api.Service, p address) (api.Status, error) {
	ctx := c.Context
	if c.Command.Name == "ping" {
		var cancel context.CancelFunc
		late := api.Errorf(api.NoDaemon, "is the daemon stopped?", "no answer from %s%s within %v", p.url, p.socket, pingTime)
		ctx, cancel = context.WithTimeoutCause(ctx, pingTime, late)
		defer cancel()
	}
	if term.IsTerminal(int(s.err.Fd())) {
		said := time.AfterFunc(3*time.Second, func() { s.printNotice(c, "waiting for the daemon at "+p.url+p.socket) })
		defer said.Stop()
	}
	return d.Status(ctx)
}

// reader returns the daemon or, if none runs on this machine, a reader of the ledger and
// the file. The caller calls the function when done.
func (s *session) reader(c *cli.Context) (api.Reader, func(), error) {
	d, err := s.service(c)
	switch {
	case err == nil:
		return d, func() {}, nil
	case api.CodeOf(err) != api.NoDaemon || c.String("url") != "":
		return nil, nil, err
	}
	r, done, wrong := s.offline(c)
	var e *api.Error
	if api.CodeOf(wrong) == api.Forbidden && errors.As(err, &e) {
		wrong = api.Errorf(api.Forbidden, e.Hint, "%s, and %v", e.Message, wrong)
	}
	if wrong != nil && asFailure(err).hint == socketHint {
		s.printNotice(c, err.Error())
	}
	return r, done, wrong
}

// configName is the path of the file in force, if the daemon shows it.
func (s *session) configName() string {
	if s.status == nil || s.status.Config == "" {
		return "the file"
	}
	return s.status.Config
}

// firstComplaint returns the first fault of a list of faults on one line, its position
// first, as compilers print it.
func firstComplaint(complaints string) string {
	msg, place := "", ""
	for line := range strings.Lines(complaints) {
		line = strings.TrimSpace(line)
		at, isPlace := strings.CutPrefix(line, "--> ")
		switch {
		case isPlace && place == "":
			place = at + ": "
		case msg == "":
			msg = strings.TrimPrefix(line, "error: ")
		}
	}
	return place + msg
}

// printNotice prints a notice beside the answer on one line of stderr, unless the output
// is for a program, which can ask for the status.
func (s *session) printNotice(c *cli.Context, text string) {
	if !c.Bool("quiet") && !c.Bool("json") {
		fmt.Fprintln(s.err, escape.Line(text))
	}
}

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

// socketHint is what to do if the file does not show where the daemon is.
const socketHint = "name it with --socket"

// explainNoDaemon adds to the error about a daemon that does not answer that the file,
// which may name another socket, cannot be read.
func explainNoDaemon(c *cli.Context, p address, err error) error {
	var e *api.Error
	if c.String("url") != "" || c.String("socket") != "" || !errors.As(err, &e) || e.Code != api.NoDaemon {
		return err
	}
	path, none := file(c)
	if none != nil || config.SocketOf(path) != "" || config.StateDirOf(path) != "" {
		return err
	}
	_, wrong := config.Load(path, config.Options{TrustFile: true})
	what := "has errors"
	switch {
	case wrong == nil:
		return err
	case errors.Is(wrong, fs.ErrNotExist):
		what = "does not exist"
	}
	return &api.Error{Code: e.Code, Message: e.Message + ", and " + path + " " + what + ", so that its socket is not known", Hint: socketHint}
}

// stateDirOf returns the state directory of a file, which may have errors.
func stateDirOf(path string) string {
	return daemon.StateDir(&config.Config{Rota: config.Rota{StateDir: config.StateDirOf(path)}})
}

// offline returns a reader of the ledger and the file. Like a start of the daemon, it uses
// the last good file if the file has errors.
func (s *session) offline(c *cli.Context) (api.Reader, func(), error) {
	path, err := file(c)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Load(path, config.Options{TrustFile: true})
	if err != nil {
		saved, err2 := config.LoadSaved(filepath.Join(stateDirOf(path), "last-good"), config.Options{TrustFile: true})
		if err2 != nil || !sameFile(saved.Path, path) {
			return nil, nil, fromFile(path, err)
		}
		cfg = saved
		s.printNotice(c, "the file has errors; the last good one is shown; see: rota check "+path)
	}
	s.status = &api.Status{Timezone: cfg.Rota.Timezone.String()}
	if other := ownerOf(stateDirOf(path), path); other != "" {
		s.printNotice(c, "from the file alone: the state directory "+stateDirOf(path)+" belongs to "+other)
		return query.FileOnly(cfg), func() {}, nil
	}
	r, book, err := query.Offline(c.Context, cfg, daemon.StateDir(cfg))
	if err != nil {
		return nil, nil, err
	}
	text := "no daemon answers: from the ledger and " + path
	if c.String("config") != "" && path != systemFile {
		text += "; start it: rota daemon --config " + path
	}
	s.printNotice(c, text)
	return r, func() { book.Close() }, nil
}

// ownerOf returns the other file that a state directory belongs to; "" if that is not
// known or that file does not exist any more. What is recorded there is not of this file.
func ownerOf(dir, path string) string {
	other := config.SavedPath(filepath.Join(dir, "last-good"))
	if other == "" || sameFile(other, path) {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil && abs == other {
		return ""
	}
	if _, err := os.Stat(other); errors.Is(err, fs.ErrNotExist) { // it was renamed
		return ""
	}
	return other
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

// sameFile reports whether two paths lead to one file; a missing file is compared by path.
func sameFile(a, b string) bool {
	one, err1 := os.Stat(a)
	two, err2 := os.Stat(b)
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && absA == absB || err1 == nil && err2 == nil && os.SameFile(one, two)
}
