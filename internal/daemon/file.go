package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
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
	stateDir string // where the last good file is if this one does not say

	waiting atomic.Int32  // reloads that wait for their turn
	turn    chan struct{} // holds one reload at a time
	current *config.Config
	seen    *config.Seen // what is on the disk, as far as it was read
	wrong   string       // the complaint last made; "": none
	pending pending

	told       func(ctx context.Context, dirs func() []string, again <-chan struct{}, changed func(), warn func(error)) error // config.Watch
	renew      chan struct{}                                                                                                  // is sent to when directories may be other ones of the same name; holds one
	unanswered chan struct{}                                                                                                  // is sent to when a file did not answer
	retries    chan time.Duration                                                                                             // after which to try a pending reload again; holds one
}

// pending is a good file that could not be put in force yet. The zero value is none.
type pending struct {
	revision string
	pause    time.Duration // before the next attempt
}

// The pause before a pending reload is tried again doubles from leastPause to mostPause.
const (
	leastPause = time.Second
	mostPause  = time.Minute
)

// mostReloads bounds the reloads that wait while a file does not answer.
const mostReloads = 16

// begin waits for the turn of a reload, and returns what ends it.
func (f *file) begin(ctx context.Context) (end func(), err error) {
	defer f.waiting.Add(-1)
	if f.waiting.Add(1) > mostReloads {
		return nil, api.Errorf(api.NotNow, "try again later", "%d reloads are waiting already", mostReloads)
	}
	select {
	case f.turn <- struct{}{}:
		return func() { <-f.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// loadTime is how long the files of the configuration may take to answer.
const loadTime = 10 * time.Second

func newFile(o Options) *file {
	path, err := filepath.Abs(o.Config)
	if err != nil {
		path = o.Config
	}
	f := &file{path: path, options: o.files(), stateDir: o.stateDir(), turn: make(chan struct{}, 1), told: config.Watch, renew: make(chan struct{}, 1), unanswered: make(chan struct{}, 1), retries: make(chan time.Duration, 1)}
	f.options.Limit = config.NewLimit(loadTime)
	return f
}

// files is how far files are trusted. As PID 1 of a container rota trusts them:
// those of a volume belong to whoever made it.
func (o Options) files() config.Options {
	return config.Options{TrustFile: o.TrustFile || inContainer(), StateDir: o.StateDir, Convert: o.Convert}
}

// first loads the file for a start. If it is wrong the last good text takes its
// place, and broken says what is wrong.
func (f *file) first() (cfg *config.Config, broken, err error) {
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
	o.Limit = nil // of its own: it is on another disk than what does not answer, perhaps
	saved, err2 := config.LoadSaved(dir, o)
	switch {
	case err2 != nil && !errors.Is(err2, fs.ErrNotExist):
		return nil, nil, alsoUnsaved(err, dir, err2)
	case err2 != nil || saved.Path != f.path:
		return nil, nil, err
	}
	f.current, f.wrong = saved, config.Describe(err)
	return saved, err, nil
}

// alsoUnsaved adds to what is wrong with the file why the last good one is of
// no use.
func alsoUnsaved(err error, dir string, why error) error {
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
	o, f.seen = o.Remember()
	cfg, err := config.Load(f.path, o)
	if errors.As(err, new(*config.Unanswered)) {
		select {
		case f.unanswered <- struct{}{}:
		default:
		}
	}
	return cfg, err
}

// watch reloads whenever something happens to the file or what it includes,
// until ctx ends. A directory that does not answer is not waited for then.
func (f *file) watch(ctx context.Context, h *host) {
	changed := func() { _, _ = f.reload(ctx, h, "") }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.listen(ctx, h, changed)
	}()
	go f.awaitRetries(ctx, h)
	go f.look(ctx, h, changed)
	f.awaitAnswers(ctx, changed)
	select {
	case <-ended:
	case <-time.After(time.Second):
	}
}

// listenAgain is when it is tried again to be told of changes.
const listenAgain = 10 * time.Second

// listen has the kernel tell of changes, until ctx ends. What it needs for that may be
// used up, by others, and may be had later.
func (f *file) listen(ctx context.Context, h *host, changed func()) {
	warn := func(err error) { h.log.Warn("edits there need a SIGHUP, or are seen later", "error", err) }
	var failed error
	dirs := func() []string {
		if failed != nil {
			failed = nil
			h.log.Info("the file is watched again")
		}
		late := time.AfterFunc(loadTime, func() {
			warn(fmt.Errorf("a directory of the configuration does not answer within %v", loadTime))
		})
		defer late.Stop()
		return h.engine.InForce().Dirs()
	}
	for {
		err := f.told(ctx, dirs, f.renew, changed, warn)
		if ctx.Err() != nil {
			return
		}
		if failed == nil {
			h.log.Error("cannot watch the file; it is tried again", "after", listenAgain.String(), "error", err)
		}
		failed = err
		select {
		case <-time.After(listenAgain):
		case <-ctx.Done():
			return
		}
	}
}

// look sees by itself whether the files have changed, as often as [rota] watch says,
// until ctx ends: not every file system tells.
func (f *file) look(ctx context.Context, h *host, changed func()) {
	for {
		every := h.engine.InForce().Rota.Watch
		pause := every
		if pause == 0 {
			pause = time.Minute // until the file may say otherwise
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
	end, err := f.begin(ctx)
	if err != nil {
		return false
	}
	defer end()
	return f.seen.Touched()
}

// answerTime is how long files may take to answer whether they have changed when
// somebody asks how rota is.
const answerTime = time.Second

// differs reports whether the text of the files is another than that which was read
// last, as far as they answer soon.
func (f *file) differs(ctx context.Context) bool {
	select {
	case f.turn <- struct{}{}:
	default:
		return false // they are read right now
	}
	answer := make(chan bool, 1)
	go func() {
		defer func() { <-f.turn }()
		answer <- f.seen.Touched() && !f.seen.Same()
	}()
	select {
	case differs := <-answer:
		return differs
	case <-time.After(answerTime):
	case <-ctx.Done():
	}
	return false
}

// awaitAnswers calls changed once what did not answer has, until ctx ends.
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
	end, err := f.begin(ctx)
	if err != nil {
		f.retryAfter(mostPause) // too many others reload
		return
	}
	defer end()
	if f.pending != (pending{}) {
		_, _ = f.put(ctx, h, "")
	}
}

// retryAfter has awaitRetries try again.
func (f *file) retryAfter(pause time.Duration) {
	select {
	case f.retries <- pause:
	default: // it is about to
	}
}

// postpone keeps a reload pending that failed. It reports whether that is the first
// failure with this text.
func (f *file) postpone(h *host, revision string, why error) (first bool) {
	first = f.pending.revision != revision
	if first {
		f.pending = pending{revision, leastPause}
	} else {
		f.pending.pause = min(2*f.pending.pause, mostPause)
	}
	h.engine.Postpone(why)
	f.retryAfter(f.pending.pause)
	return first
}

// reload puts the file in force if it is good and changed. If somebody asked for
// it, who, they want to hear about it in any case. The text is read and checked
// outside the engine, so that no slot waits for it.
func (f *file) reload(ctx context.Context, h *host, who string) (config.Changes, error) {
	changes, _, err := f.reloadAll(ctx, h, who)
	return changes, err
}

// reloadAll is reload, and also reads again the files by which others get in, if
// the file is good or not, and changed or not. It returns what of these is not in
// force.
func (f *file) reloadAll(ctx context.Context, h *host, who string) (config.Changes, []string, error) {
	end, err := f.begin(ctx)
	if err != nil {
		return config.Changes{}, nil, err
	}
	defer end()
	if who == "" && f.seen.Same() {
		return config.Changes{}, nil, nil // something else happened in the directory
	}
	notifyReloading()
	defer sdNotify("READY=1")
	changes, err := f.put(ctx, h, who)
	return changes, h.updateWebAccess(f.current), err
}

// put puts the file in force if it is good and changed.
func (f *file) put(ctx context.Context, h *host, who string) (config.Changes, error) {
	asked := who != ""
	cfg, err := f.load()
	if err != nil {
		text := config.Describe(err)
		if text != f.wrong || asked {
			f.refuse(ctx, h, who, err)
		}
		if text != f.wrong {
			h.engine.NotifyBadConfig(ctx, f.current.Rota.OnBadConfig, err.Error())
		}
		f.wrong = text
		if f.pending != (pending{}) {
			f.pending = pending{}
			h.engine.Postpone(nil)
		}
		return config.Changes{}, err
	}
	changes := config.Diff(f.current, cfg)
	if cfg.Revision == f.current.Revision && f.wrong == "" && f.pending == (pending{}) {
		if asked {
			h.log.Info("reloaded", "changes", "none")
		}
		return changes, nil
	}
	f.wrong = ""
	if err := h.engine.Reload(ctx, cfg, changes, who); err != nil {
		if first := f.postpone(h, cfg.Revision, err); first && ctx.Err() == nil {
			h.log.Error("cannot reload; rota tries again until it can", "error", err)
		}
		return changes, err
	}
	f.current, f.pending = cfg, pending{}
	select {
	case f.renew <- struct{}{}:
	default:
	}
	h.keep(cfg)
	return changes, nil
}

// plan tells what a reload would change.
func (f *file) plan(ctx context.Context) (*config.Config, config.Changes, error) {
	end, err := f.begin(ctx)
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

// keep remembers a good configuration for a start at which the file is wrong. If that
// fails, as on a full disk, it is tried again as long as the configuration is in force.
func (h *host) keep(c *config.Config) { h.keepAgain(c, 0) }

// keepAgain is keep after a pause that was no use; 0: there was none.
func (h *host) keepAgain(c *config.Config, pause time.Duration) {
	h.keeping.Lock()
	defer h.keeping.Unlock()
	if h.engine.InForce() != c {
		return
	}
	err := c.Save(filepath.Join(h.stateDir, "last-good"), h.o.files())
	switch {
	case err != nil && pause == 0:
		h.log.Warn("cannot keep the last good file for a later start; it is tried again until that works", "error", err)
	case err == nil && pause > 0:
		h.log.Info("the last good file is kept for a later start")
	}
	if err == nil {
		return
	}
	pause = min(max(2*pause, leastPause), mostPause)
	time.AfterFunc(pause, func() {
		select {
		case <-h.engine.Over():
		default:
			h.keepAgain(c, pause)
		}
	})
}

// refuse tells of a file that is wrong; the configuration in force stays.
func (f *file) refuse(ctx context.Context, h *host, who string, err error) {
	h.out.complain(err, "reload refused: the last good file stays in force")
	h.engine.Refuse(ctx, err, faults(err), who)
}

// faults is how many there are, or what else is wrong.
func faults(err error) string {
	var e *config.Errors
	if errors.As(err, &e) {
		return api.Plural(len(e.Faults), "fault", "faults")
	}
	return err.Error()
}
