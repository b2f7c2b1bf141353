package daemon

import (
	"context"
	"errors"
	"path/filepath"
	"runtime/debug"
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
			h.engine.SetReloadPending(nil)
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

// refuse reports a file that is not valid; the configuration in force stays.
func (f *file) refuse(ctx context.Context, h *host, who string, err error) {
	h.out.logFaults(err, "reload refused: the last good file stays in force")
	h.engine.RefuseReload(ctx, err, faults(err), who)
}

// faults returns the number of faults, or the text of another error.
func faults(err error) string {
	var e *config.Errors
	if errors.As(err, &e) {
		return api.Plural(len(e.Faults), "fault", "faults")
	}
	return err.Error()
}
