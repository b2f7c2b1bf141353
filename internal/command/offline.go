package command

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/api"
	"rota/internal/daemon"
	"rota/internal/query"
)

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
