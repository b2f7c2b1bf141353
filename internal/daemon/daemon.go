// Package daemon is the daemon process: it connects the configuration file, the engine, the
// ledger and the listeners. No other package depends on all of them.
package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"rota/config"
	"rota/internal/clock"
	"rota/internal/control"
	"rota/internal/engine"
	"rota/internal/ledger"
	"rota/runner"
)

// ErrRunsFailed is the error of a daemon with Once if a run has failed.
var ErrRunsFailed = engine.ErrRunsFailed

// ErrRunning is the error of a second daemon in the same state directory.
var ErrRunning = errors.New("another rota daemon is running")

// Options are the settings from the command line; all others are in the file.
type Options struct {
	Config    string                                                            // the file
	Convert   func(text string) (toml string, lines []int, fault *config.Fault) // converts a file of another format, see [config.Options]; nil: the file is TOML
	TrustFile bool                                                              // accept the file, whoever owns it or may write it
	Output    string                                                            // overrides [rota] output; "": not given
	LogLevel  string                                                            // overrides [rota] log_level; "": not given
	Color     string                                                            // "auto", "always" or "never"
	Version   string                                                            // for the log
	StateDir  string                                                            // absolute: the state directory if the file names none; "": the default
	Socket    string                                                            // overrides [rota] socket; "": not given
	Held      bool                                                              // every task starts held
	Once      bool                                                              // run the slots that are due since the last time, wait for the runs, and end

	Stdout, Stderr *os.File // task output, if wanted, and the log
}

// Run runs the daemon in the foreground. It returns nil after a stop by SIGTERM, SIGINT or
// the end of ctx. The error is a [*config.Errors] if the file is not valid and no last good
// one was saved.
func Run(ctx context.Context, o Options) error {
	// The parent may have left descriptors open, which tasks must not inherit.
	_ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	// The umask of most tasks, which need no helper process then.
	unix.Umask(0o022)
	out := newOutputs(o)
	defer out.close()
	signals := catchSignals(out.log)
	defer signals.close()
	file := newFile(o)
	cfg, broken, err := file.loadAtStart()
	if err != nil {
		return err
	}
	out.configure(cfg)
	stateDir := cmp.Or(cfg.Rota.StateDir, o.stateDir())
	if err := o.makeStateDir(stateDir); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	unlock, err := lockStateDir(ctx, stateDir)
	if err != nil {
		return err
	}
	defer unlock()

	for full, anew := false, false; ; {
		begun := time.Now()
		err := session(ctx, o, out, file, signals, cfg, broken, stateDir)
		switch {
		case errors.Is(err, ledger.ErrDiskFull), errors.Is(err, unix.ENOSPC):
			// No run was started: the daemon can start again once the disk has room.
			if !full {
				out.log.Error("cannot start: the disk is full; waiting for free space", "error", err)
				sdNotify("STATUS=waiting for free space on the disk")
			}
			if full = true; !signals.pause(ctx, time.Second) {
				return nil
			}
		case errors.Is(err, ledger.ErrDamaged) && (!anew || time.Since(begun) >= minSession):
			anew = true
			// When it is opened again, the ledger is set aside and a new one begins.
			out.log.Error("the ledger is damaged: starting with a new one", "error", err)
		default:
			return err
		}
		if cfg, broken, err = file.loadAtStart(); err != nil {
			return err
		}
	}
}

// lockStateDir locks a state directory against other daemons: by a lock file and, as that
// may be removed, by the directory itself, on file systems where that works.
func lockStateDir(ctx context.Context, stateDir string) (unlock func(), err error) {
	file, directory := flock.New(filepath.Join(stateDir, "lock")), flock.New(stateDir, flock.SetFlag(os.O_RDONLY))
	ok, err := takeLock(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w; give this daemon a state_dir of its own in [rota]", err)
	}
	if ok {
		locked, err := takeLock(ctx, directory)
		ok = locked || err != nil
	}
	unlock = func() {
		_ = directory.Close()
		_ = file.Close()
	}
	if !ok {
		unlock()
		return nil, fmt.Errorf("%w with the state directory %s; stop it, or give this one a state_dir of its own in [rota]", ErrRunning, stateDir)
	}
	return unlock, nil
}

// childLinger is how long a child that a killed daemon was just starting may hold the lock
// and the sockets of the daemon open.
const childLinger = 2 * time.Second

// takeLock takes a lock as soon as no child of a killed daemon holds it.
func takeLock(ctx context.Context, lock *flock.Flock) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, childLinger)
	defer cancel()
	ok, err := lock.TryLockContext(ctx, 10*time.Millisecond)
	if ctx.Err() != nil {
		err = nil
	}
	return ok, err
}

// minSession is how long a new ledger must have been in use before it may be replaced by
// another one: a disk that damages one ledger after another cannot be used.
const minSession = 10 * time.Second

// session runs a daemon from the opening of its ledger to the end.
func session(ctx context.Context, o Options, out *outputs, file *file, signals *signals, cfg *config.Config, broken error, stateDir string) error {
	h, err := newHost(ctx, o, out, cfg, broken, stateDir)
	if err != nil {
		return err
	}
	defer h.ledger.Close()
	return h.run(ctx, file, signals)
}

// host is the process around an engine: it opens the ledger, the files and the listeners
// that the engine uses.
type host struct {
	options     Options
	out         *outputs
	log         *slog.Logger
	stateDir    string
	socketGroup string // as at the start
	broken      error  // the fault of the file on the disk at the start; nil: none
	ledger      *ledger.SQLite
	tokens      runTokens
	engine      *engine.Engine

	access    *webAccess                     // the listener of [web]
	listeners []*control.Listener            // listeners that are not served yet
	socket    string                         // the path of the socket; "": none
	server    atomic.Pointer[control.Server] // nil: not serving yet
	saveMu    sync.Mutex                     // held while the last good file is saved
}

// newHost opens everything that a daemon needs. The caller must close the ledger.
func newHost(ctx context.Context, o Options, out *outputs, cfg *config.Config, broken error, stateDir string) (*host, error) {
	h := &host{options: o, out: out, log: out.log, stateDir: stateDir, socketGroup: cfg.Rota.SocketGroup, broken: broken}
	h.access = &webAccess{group: h.socketGroup, rule: o.rule(), makeDir: o.makeSocketDir, log: out.log.Info}
	clock, err := clock.New()
	if err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	if h.ledger, err = ledger.Open(ctx, stateDir, ledger.Options{Now: clock.Now, Queues: out.capacity, Users: out.userOf}); err != nil {
		return nil, err
	}
	if h.tokens, err = newRunTokens(stateDir); err == nil {
		h.listeners, err = h.openWhenFree(cfg)
	}
	if err != nil {
		return nil, errors.Join(err, h.ledger.Close())
	}
	h.engine = engine.New(h.engineOptions(cfg, clock))
	return h, nil
}

// engineOptions returns the options of the engine of this host.
func (h *host) engineOptions(cfg *config.Config, clock clock.Clock) engine.Options {
	o := engine.Options{
		Config: cfg, Broken: h.broken, Version: h.options.Version, StateDir: h.stateDir,
		Held: h.options.Held, Once: h.options.Once, Ahead: true, Container: inContainer(),
		Ledger: h.ledger, Clock: clock, Log: h.log,
		Runner:  runner.Options{Trust: h.options.files().TrustFile, Log: h.out.logAction},
		InForce: h.out.configure, Record: h.out.record, Echo: h.out.echo,
		TokenExpired: h.endTokenRequests, DiskLow: h.ledger.DiskLow, Token: h.tokens.token,
	}
	if found := h.ledger.Found().String(); found != "" {
		h.log.Error("the ledger is not sound", "found", found)
		o.Damage = found
	}
	if h.socket != "" {
		o.Vars = map[string]string{"ROTA_SOCKET": h.socket}
	}
	if os.Getenv("NOTIFY_SOCKET") != "" {
		o.Status = func(line string) { sdNotify("STATUS=" + line) }
	}
	return o
}

// run runs the engine from the first slot to the end of the last run.
func (h *host) run(ctx context.Context, file *file, signals *signals) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// The followers of forked runs outlive the engine, until all runs have ended. Clients
	// are answered until then.
	runs, forget := context.WithCancel(context.WithoutCancel(ctx))
	defer forget()
	err := h.engine.Begin(ctx, runs)
	var g stateDirWatch
	if err == nil {
		g, err = newStateDirWatch(h.stateDir, h.socket)
	}
	if err != nil {
		h.access.closeUnserved()
		closeAll(h.listeners)
		return err
	}
	defer g.directory.Close()
	h.reportStart(ctx)
	// Reading a file takes several times the memory that its tasks need.
	go debug.FreeOSMemory()
	var others, last sync.WaitGroup // goroutines that end with the engine, and those that end last
	last.Go(func() { h.serve(runs, engine.RateLimited(h.service(file)), g) })
	last.Go(func() { h.engine.Deliver(runs) })
	last.Go(func() { h.watchdog(runs, h.socket) })
	last.Go(func() { signals.serve(runs, h, file, stop) })
	others.Go(func() { file.watch(ctx, h) })
	err = h.engine.Run(ctx)
	stop()
	sdNotify("STOPPING=1")
	// The service manager must wait as long, and also for stop signals and KILL.
	sdNotify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (h.engine.Grace() + time.Minute).Microseconds()))
	h.engine.End(signals.forceStop)
	forget()
	last.Wait()
	others.Wait()
	return err
}

// reportStart logs the state of the file, and notifies the service manager that rota is ready.
func (h *host) reportStart(ctx context.Context) {
	if h.broken == nil {
		h.saveLastGood(h.engine.InForce())
	} else {
		h.out.logFaults(h.broken, "the file has errors: started from the last good one")
		h.engine.RefuseReload(ctx, h.broken, faults(h.broken), "")
		h.engine.NotifyBadConfig(ctx, h.engine.InForce().Rota.OnBadConfig, h.broken.Error())
	}
	sdNotify("READY=1")
}

// service returns the Service of the daemon.
func (h *host) service(file *file) *service {
	s := &service{Service: h.engine.Service(), host: h, file: file}
	s.Differs = file.differs
	return s
}
