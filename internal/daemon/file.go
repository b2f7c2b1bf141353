package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"rota/config"
	"rota/internal/api"
)

// file is the jobs file on the disk, as opposed to the configuration in force.
type file struct {
	path     string
	options  config.Options
	stateDir string // the state directory with the last good file, if this file names none

	waiting       atomic.Int32  // reloads that wait for their turn
	turn          chan struct{} // holds one reload at a time
	current       *config.Config
	lastRead      *config.Seen // the files on the disk, as last read
	reportedError string       // the last reported error of the file; "": none
	pending       pending

	watchFiles func(ctx context.Context, dirs func() []string, again <-chan struct{}, changed func(), warn func(error)) error // config.Watch
	rewatch    chan struct{}                                                                                                  // receives a value when directories may have been replaced; holds one value
	unanswered chan struct{}                                                                                                  // receives a value when a file did not answer
	retries    chan time.Duration                                                                                             // receives the pause before the next attempt of a pending reload; holds one value
}

// pending is a valid file that could not be put in force yet. The zero value means none.
type pending struct {
	revision string
	pause    time.Duration // before the next attempt
}

// The pause before a pending reload is tried again doubles from leastPause to mostPause.
const (
	minPause = time.Second
	maxPause = time.Minute
)

// maxWaitingReloads limits the reloads that wait while a file does not answer.
const maxWaitingReloads = 16

// waitTurn waits for the turn of a reload, and returns the function that ends the turn.
func (f *file) waitTurn(ctx context.Context) (end func(), err error) {
	defer f.waiting.Add(-1)
	if f.waiting.Add(1) > maxWaitingReloads {
		return nil, api.Errorf(api.NotNow, "try again later", "%d reloads are waiting already", maxWaitingReloads)
	}
	select {
	case f.turn <- struct{}{}:
		return func() { <-f.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// loadTimeout is the time limit for reading the files of the configuration.
const loadTimeout = 10 * time.Second

func newFile(o Options) *file {
	path, err := filepath.Abs(o.Config)
	if err != nil {
		path = o.Config
	}
	f := &file{path: path, options: o.files(), stateDir: o.stateDir(), turn: make(chan struct{}, 1), watchFiles: config.Watch, rewatch: make(chan struct{}, 1), unanswered: make(chan struct{}, 1), retries: make(chan time.Duration, 1)}
	f.options.Limit = config.NewLimit(loadTimeout)
	return f
}

// files returns the options for reading the files. As PID 1 of a container rota trusts
// them, as the files of a volume belong to the user who made it.
func (o Options) files() config.Options {
	return config.Options{TrustFile: o.TrustFile || inContainer(), StateDir: o.StateDir, Convert: o.Convert}
}

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

func (f *file) load() (*config.Config, error) {
	o := f.options
	o.Now = time.Now()
	o, f.lastRead = o.Remember()
	cfg, err := config.Load(f.path, o)
	if errors.As(err, new(*config.Unanswered)) {
		select {
		case f.unanswered <- struct{}{}:
		default:
		}
	}
	return cfg, err
}

// watch reloads whenever the file or the files it includes change, until ctx ends. Then it
// does not wait for a directory that does not answer.
func (f *file) watch(ctx context.Context, h *host) {
	changed := func() { _, _ = f.reload(ctx, h, "") }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.watchEvents(ctx, h, changed)
	}()
	go f.awaitRetries(ctx, h)
	go f.poll(ctx, h, changed)
	f.awaitAnswers(ctx, changed)
	select {
	case <-ended:
	case <-time.After(time.Second):
	}
}

// rewatchPause is the pause before listen tries again to watch the directories.
const rewatchPause = 10 * time.Second

// watchEvents reloads at events of the kernel, until ctx ends. If the kernel has no resources for
// that, as other processes use them, it tries again later.
func (f *file) watchEvents(ctx context.Context, h *host, changed func()) {
	warn := func(err error) {
		h.log.Warn("edits in this directory need a SIGHUP, or are noticed later", "error", err)
	}
	var failed error
	dirs := func() []string {
		if failed != nil {
			failed = nil
			h.log.Info("watching the file again")
		}
		late := time.AfterFunc(loadTimeout, func() {
			warn(fmt.Errorf("a directory of the configuration does not answer within %v", loadTimeout))
		})
		defer late.Stop()
		return h.engine.InForce().Dirs()
	}
	for {
		err := f.watchFiles(ctx, dirs, f.rewatch, changed, warn)
		if ctx.Err() != nil {
			return
		}
		if failed == nil {
			h.log.Error("cannot watch the file; trying again", "after", rewatchPause.String(), "error", err)
		}
		failed = err
		select {
		case <-time.After(rewatchPause):
		case <-ctx.Done():
			return
		}
	}
}

// poll checks at the interval of [rota] watch whether the files have changed, until ctx
// ends, as not all file systems send events.
func (f *file) poll(ctx context.Context, h *host, changed func()) {
	for {
		every := h.engine.InForce().Rota.Watch
		pause := every
		if pause == 0 {
			pause = time.Minute // then check whether the file sets another interval
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		if every > 0 && f.touched(ctx) {
			changed()
		}
	}
}

// touched reports whether the files seem to have changed since they were read.
func (f *file) touched(ctx context.Context) bool {
	end, err := f.waitTurn(ctx)
	if err != nil {
		return false
	}
	defer end()
	return f.lastRead.Touched()
}

// checkTimeout is the time limit for a check, in a request of the status, whether the files
// have changed.
const checkTimeout = time.Second

// differs reports whether the text of the files differs from that last read. It returns
// false for files that do not answer within answerTime.
func (f *file) differs(ctx context.Context) bool {
	select {
	case f.turn <- struct{}{}:
	default:
		return false // a reload is reading them
	}
	answer := make(chan bool, 1)
	go func() {
		defer func() { <-f.turn }()
		answer <- f.lastRead.Touched() && !f.lastRead.Same()
	}()
	select {
	case differs := <-answer:
		return differs
	case <-time.After(checkTimeout):
	case <-ctx.Done():
	}
	return false
}

// awaitAnswers calls changed once a file that did not answer has, until ctx ends.
func (f *file) awaitAnswers(ctx context.Context, changed func()) {
	for {
		select {
		case <-f.unanswered:
		case <-ctx.Done():
			return
		}
		select {
		case <-f.options.Limit.Answered():
			changed()
		case <-ctx.Done():
			return
		}
	}
}

// awaitRetries tries a pending reload again after each pause, until ctx ends.
func (f *file) awaitRetries(ctx context.Context, h *host) {
	var due <-chan time.Time
	for {
		select {
		case pause := <-f.retries:
			due = time.After(pause)
		case <-due:
			due = nil
			f.retry(ctx, h)
		case <-ctx.Done():
			return
		}
	}
}

// retry tries a reload again if it is still pending.
func (f *file) retry(ctx context.Context, h *host) {
	end, err := f.waitTurn(ctx)
	if err != nil {
		f.retryAfter(maxPause) // too many reloads are waiting
		return
	}
	defer end()
	if f.pending != (pending{}) {
		_, _ = f.apply(ctx, h, "")
	}
}

// retryAfter makes awaitRetries try again after a pause.
func (f *file) retryAfter(pause time.Duration) {
	select {
	case f.retries <- pause:
	default: // a retry is scheduled already
	}
}

// postpone records a failed reload as pending. It reports whether that is the first failure
// with this revision.
func (f *file) postpone(h *host, revision string, why error) (first bool) {
	first = f.pending.revision != revision
	if first {
		f.pending = pending{revision, minPause}
	} else {
		f.pending.pause = min(2*f.pending.pause, maxPause)
	}
	h.engine.Postpone(why)
	f.retryAfter(f.pending.pause)
	return first
}

// reload puts the file in force if it is valid and has changed. If who is set, a client
// requested the reload, and the result is logged in any case. The text is read and checked
// outside the engine's goroutine, so that no slot waits for it.
func (f *file) reload(ctx context.Context, h *host, who string) (config.Changes, error) {
	changes, _, err := f.reloadAll(ctx, h, who)
	return changes, err
}

// reloadAll is reload, and also reads the tokens, the certificate and the key of [web]
// again, whether or not the file is valid or has changed. It returns the problems of these.
func (f *file) reloadAll(ctx context.Context, h *host, who string) (config.Changes, []string, error) {
	end, err := f.waitTurn(ctx)
	if err != nil {
		return config.Changes{}, nil, err
	}
	defer end()
	if who == "" && f.lastRead.Same() {
		return config.Changes{}, nil, nil // the event was about another file in the directory
	}
	notifyReloading()
	defer sdNotify("READY=1")
	changes, err := f.apply(ctx, h, who)
	return changes, h.updateWebAccess(f.current), err
}

// apply puts the file in force if it is valid and has changed.
func (f *file) apply(ctx context.Context, h *host, who string) (config.Changes, error) {
	asked := who != ""
	cfg, err := f.load()
	if err != nil {
		text := config.Describe(err)
		if text != f.reportedError || asked {
			f.refuse(ctx, h, who, err)
		}
		if text != f.reportedError {
			h.engine.NotifyBadConfig(ctx, f.current.Rota.OnBadConfig, err.Error())
		}
		f.reportedError = text
		if f.pending != (pending{}) {
			f.pending = pending{}
			h.engine.Postpone(nil)
		}
		return config.Changes{}, err
	}
	changes := config.Diff(f.current, cfg)
	if cfg.Revision == f.current.Revision && f.reportedError == "" && f.pending == (pending{}) {
		if asked {
			h.log.Info("reloaded", "changes", "none")
		}
		return changes, nil
	}
	f.reportedError = ""
	if err := h.engine.Reload(ctx, cfg, changes, who); err != nil {
		if first := f.postpone(h, cfg.Revision, err); first && ctx.Err() == nil {
			h.log.Error("cannot reload; trying again", "error", err)
		}
		return changes, err
	}
	f.current, f.pending = cfg, pending{}
	go debug.FreeOSMemory()
	select {
	case f.rewatch <- struct{}{}:
	default:
	}
	h.saveLastGood(cfg)
	return changes, nil
}

// planReload returns what a reload would change.
func (f *file) planReload(ctx context.Context) (*config.Config, config.Changes, error) {
	end, err := f.waitTurn(ctx)
	if err != nil {
		return nil, config.Changes{}, err
	}
	defer end()
	o := f.options
	o.Now = time.Now()
	cfg, err := config.Load(f.path, o)
	if err != nil {
		return nil, config.Changes{}, err
	}
	return cfg, config.Diff(f.current, cfg), nil
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

// refuse reports a file that is not valid; the configuration in force stays.
func (f *file) refuse(ctx context.Context, h *host, who string, err error) {
	h.out.logFaults(err, "reload refused: the last good file stays in force")
	h.engine.Refuse(ctx, err, faults(err), who)
}

// faults returns the number of faults, or the text of another error.
func faults(err error) string {
	var e *config.Errors
	if errors.As(err, &e) {
		return api.Plural(len(e.Faults), "fault", "faults")
	}
	return err.Error()
}
