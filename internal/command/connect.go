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

// service returns the daemon that runs. Its errors are *api.Error, which the
// program ends with as they are.
func (s *session) service(c *cli.Context) (api.Service, error) {
	p, err := whereDaemon(c)
	if err != nil {
		return nil, err
	}
	d, err := p.dial()
	if err != nil {
		return nil, err
	}
	st, err := s.greet(c, d, p)
	switch {
	case api.CodeOf(err) == api.Forbidden: // here, but perhaps not for what is asked
		return d, nil
	case err != nil:
		return nil, lost(c, p, p.startHint(err))
	case p.file != "" && !inForce(st, p.file) && p.usual != "":
		return nil, api.Errorf(api.NoDaemon, "start it: rota daemon --config "+p.file, "no daemon at %s", p.usual)
	case p.file != "" && !inForce(st, p.file):
		return nil, api.Errorf(api.NoDaemon, "start it: rota daemon --config "+p.file, "the daemon at %s runs %s", p.socket, cmp.Or(st.Config, "another file"))
	}
	s.status = &st
	switch {
	case c.Command.Name == "status": // it tells all of it
	case st.Broken != "":
		s.aside(c, "the file is wrong, and the last good one in force: "+inOneLine(st.Broken))
	case st.Differs && c.Command.Name != "reload":
		s.aside(c, differsText)
	}
	if st.Draining && slices.Contains(drainTold, c.Command.Name) {
		s.aside(c, drains(st, s.zone(c))+"; end it: rota drain --end")
	}
	return d, nil
}

// inForce reports whether a daemon runs a file. One that does not tell its path to everybody
// tells whether it is this one.
func inForce(st api.Status, file string) bool {
	if st.Config != "" {
		return sameFile(st.Config, file)
	}
	target, err := filepath.EvalSymlinks(file)
	return st.ConfigID == api.FileID(file) || err == nil && st.ConfigID == api.FileID(target)
}

// drainTold are the commands whose answer a drain belongs to: they show or ask for what
// starts.
var drainTold = []string{"list", "next", "ps", "queue", "release", "run", "show"}

// drains says of a daemon that it is being drained.
func drains(st api.Status, zone *time.Location) string {
	text := "rota is being drained"
	if !st.DrainingUntil.IsZero() {
		text += " until " + brief(st.DrainingUntil.In(zone), time.Now())
	}
	return text + ": nothing new starts"
}

// pingTime is how long ping waits for an answer.
const pingTime = 5 * time.Second

// greet asks the daemon how it is, which it answers at once. One who looks is
// told what is waited for if it does not.
func (s *session) greet(c *cli.Context, d api.Service, p place) (api.Status, error) {
	ctx := c.Context
	if c.Command.Name == "ping" {
		var cancel context.CancelFunc
		late := api.Errorf(api.NoDaemon, "is the daemon stopped?", "no answer from %s%s within %v", p.url, p.socket, pingTime)
		ctx, cancel = context.WithTimeoutCause(ctx, pingTime, late)
		defer cancel()
	}
	if term.IsTerminal(int(s.err.Fd())) {
		said := time.AfterFunc(3*time.Second, func() { s.aside(c, "waiting for the daemon at "+p.url+p.socket) })
		defer said.Stop()
	}
	return d.Status(ctx)
}

// reader returns the daemon or, if none runs on this machine, what reads the
// ledger and the file in its place. The caller calls the function when done.
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
	if wrong != nil && asFailure(err).hint == nameSocket {
		s.aside(c, err.Error())
	}
	return r, done, wrong
}

// configName is the path of the file in force, as far as the daemon tells it.
func (s *session) configName() string {
	if s.status == nil || s.status.Config == "" {
		return "the file"
	}
	return s.status.Config
}

// inOneLine returns the first complaint of a text of complaints, with its place
// before it, as other tools write that.
func inOneLine(complaints string) string {
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

// aside tells a person what stands beside the answer, on one line of stderr. A
// program that wants to know asks for the status.
func (s *session) aside(c *cli.Context, text string) {
	if !c.Bool("quiet") && !c.Bool("json") {
		fmt.Fprintln(s.err, escape.Line(text))
	}
}

// place is where a daemon is looked for.
type place struct {
	url, socket string // one of them is given
	token       string // "": who asks is told from the socket, or not at all
	usual       string // where a daemon of the user's own would be, if socket is the machine's instead
	file        string // absolute, that the daemon has to run; "": any
}

// dial reaches for the daemon.
func (p place) dial() (api.Service, error) {
	return control.NewClient(control.Target{Socket: p.socket, URL: p.url, Token: p.token})
}

// startHint says how to start the daemon of a file that is not the machine's.
func (p place) startHint(err error) error {
	var e *api.Error
	if p.file == "" || p.file == systemFile || !errors.As(err, &e) || !strings.HasPrefix(e.Hint, "start it: ") {
		return err
	}
	return &api.Error{Code: e.Code, Message: e.Message, Hint: "start it: rota daemon --config " + p.file}
}

// whereDaemon makes out where the daemon is from flags, environment and file.
// The file need not be there for that, nor be right.
func whereDaemon(c *cli.Context) (place, error) {
	p := place{url: c.String("url"), socket: c.String("socket")}
	switch own := os.Getenv("ROTA_SOCKET"); {
	case p.url != "" && (p.socket == own || p.url != os.Getenv("ROTA_URL")):
		p.socket = "" // what is typed goes before what is in the environment
	case p.socket != "":
		p.url = ""
		if p.socket == own {
			p.token = os.Getenv("ROTA_TOKEN") // for the daemon of this run, and no other
		}
	default:
		p.socket, p.usual, p.file = socketOf(c)
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
// the file, its path. Where the file says nothing of a socket and no daemon of the
// user's own is there, it is the machine's, which may run that file, too; usual is then
// where the own one would be.
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

// nameSocket is what to do if the file cannot say where the daemon is.
const nameSocket = "name it with --socket"

// lost says of a daemon that is not there that it may well be elsewhere, if the
// file that would say where cannot tell.
func lost(c *cli.Context, p place, err error) error {
	var e *api.Error
	if c.String("url") != "" || c.String("socket") != "" || !errors.As(err, &e) || e.Code != api.NoDaemon {
		return err
	}
	path, none := file(c)
	if none != nil || config.SocketOf(path) != "" || config.StateDirOf(path) != "" {
		return err
	}
	_, wrong := config.Load(path, config.Options{TrustFile: true})
	what := "is wrong"
	switch {
	case wrong == nil:
		return err
	case errors.Is(wrong, fs.ErrNotExist):
		what = "is gone"
	}
	return &api.Error{Code: e.Code, Message: e.Message + ", and " + path + " " + what + ", so that its socket is not known", Hint: nameSocket}
}

// stateDirOf returns the state directory that goes with a file, wrong or not.
func stateDirOf(path string) string {
	return daemon.StateDir(&config.Config{Rota: config.Rota{StateDir: config.StateDirOf(path)}})
}

// offline returns what reads the ledger and the file. A file that is wrong is
// replaced by the last good one, as a start of the daemon would do.
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
		s.aside(c, "the file is wrong, and the last good one shown; see: rota check "+path)
	}
	s.status = &api.Status{Timezone: cfg.Rota.Timezone.String()}
	if other := ownerOf(stateDirOf(path), path); other != "" {
		s.aside(c, "from the file alone: the state directory "+stateDirOf(path)+" is that of "+other)
		return query.FileAlone(cfg), func() {}, nil
	}
	r, book, err := query.Offline(c.Context, cfg, daemon.StateDir(cfg))
	if err != nil {
		return nil, nil, err
	}
	text := "no daemon answers: from the ledger and " + path
	if c.String("config") != "" && path != systemFile {
		text += "; start it: rota daemon --config " + path
	}
	s.aside(c, text)
	return r, func() { book.Close() }, nil
}

// ownerOf returns the other file whose daemon a state directory is that of, as far as that
// is known and that file is still there: what it remembers is none of this file's.
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

// tokenIn returns the token that a file holds.
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
		return "", fail(exitFailed, "it is one line of printable letters", "%s holds no token", path)
	}
	return token, nil
}

// sameFile tells whether two paths lead to one file. One that is gone is told
// by its path.
func sameFile(a, b string) bool {
	one, err1 := os.Stat(a)
	two, err2 := os.Stat(b)
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && absA == absB || err1 == nil && err2 == nil && os.SameFile(one, two)
}
