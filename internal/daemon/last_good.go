package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"rota/config"
)

// loadAtStart loads the file for a start. If it is not valid, first loads the last good text
// instead, and broken is the error of the file.
func (f *file) loadAtStart() (cfg *config.Config, broken, err error) {
	cfg, err = f.load()
	if err == nil {
		f.current = cfg
		return cfg, nil, nil
	}
	dir := filepath.Join(cmp.Or(config.StateDirOf(f.path), f.stateDir), "last-good")
	if other := config.SavedPath(dir); other != "" && other != f.path {
		return nil, nil, err
	}
	o := f.options
	o.Limit = nil // a new limit: the saved file may be on another disk than the one that does not answer
	saved, err2 := config.LoadSaved(dir, o)
	switch {
	case err2 != nil && !errors.Is(err2, fs.ErrNotExist):
		return nil, nil, withSavedError(err, dir, err2)
	case err2 != nil || saved.Path != f.path:
		return nil, nil, err
	}
	f.current, f.reportedError = saved, config.Describe(err)
	return saved, err, nil
}

// withSavedError adds to the error of the file why the last good one cannot be used.
func withSavedError(err error, dir string, why error) error {
	msg := "cannot start from the last good file: " + faults(why)
	var e *config.Errors
	if !errors.As(err, &e) {
		return fmt.Errorf("%w; %s", err, msg)
	}
	return &config.Errors{Faults: append(slices.Clip(e.Faults), config.Fault{File: dir, Msg: msg})}
}

// saveLastGood saves a valid configuration for a start at which the file is not valid. If that
// fails, as on a full disk, it tries again as long as the configuration is in force.
func (h *host) saveLastGood(c *config.Config) { h.retrySaveLastGood(c, 0) }

// retrySaveLastGood is saveLastGood after a failed attempt; pause is the pause before that, 0 for the first.
func (h *host) retrySaveLastGood(c *config.Config, pause time.Duration) {
	h.saveMu.Lock()
	defer h.saveMu.Unlock()
	if h.engine.InForce() != c {
		return
	}
	err := c.Save(filepath.Join(h.stateDir, "last-good"), h.options.files())
	switch {
	case err != nil && pause == 0:
		h.log.Warn("cannot save the last good file for a later start; trying again", "error", err)
	case err == nil && pause > 0:
		h.log.Info("saved the last good file for a later start")
	}
	if err == nil {
		return
	}
	pause = min(max(2*pause, minPause), maxPause)
	time.AfterFunc(pause, func() {
		select {
		case <-h.engine.Closed():
		default:
			h.retrySaveLastGood(c, pause)
		}
	})
}
