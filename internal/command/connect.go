package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	"rota/internal/escape"
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
	text := "rota is draining"
	if !st.DrainingUntil.IsZero() {
		text += " until " + shortTime(st.DrainingUntil.In(zone), time.Now())
	}
	return text + ": no new runs start"
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
	return &api.Error{Code: e.Code, Message: e.Message + ", and " + path + " " + what + ", so its socket is unknown", Hint: socketHint}
}

// sameFile reports whether two paths lead to one file; a missing file is compared by path.
func sameFile(a, b string) bool {
	one, err1 := os.Stat(a)
	two, err2 := os.Stat(b)
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && absA == absB || err1 == nil && err2 == nil && os.SameFile(one, two)
}
