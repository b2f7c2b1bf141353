// Package daemon joins the rooms: it is the one place that sees the file, the
// engine, the ledger and the listeners at once, and it is the process around them.
package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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

// ErrRunsFailed is the error of a daemon with Once of which a run has failed.
var ErrRunsFailed = engine.ErrRunsFailed

// ErrRunning is the error of a second daemon in the same state directory.
var ErrRunning = errors.New("another rota daemon is running")

// Options is what the command line says; all else is in the file.
type Options struct {
	Config    string                                                            // the file
	Convert   func(text string) (toml string, lines []int, fault *config.Fault) // of what is no TOML, see [config.Options]; nil: it is
	TrustFile bool                                                              // whoever owns it and may write it
	Output    string                                                            // instead of [rota] output; "": as the file says
	LogLevel  string                                                            // instead of [rota] log_level; "": as the file says
	Color     string                                                            // "auto", "always" or "never"
	Version   string                                                            // for the log
	StateDir  string                                                            // absolute: the state directory of a file that names none; "": that by default
	Socket    string                                                            // instead of [rota] socket; "": as the file says
	Held      bool                                                              // every task starts held
	Once      bool                                                              // do what is due since the last time, wait for it, and end

	Stdout, Stderr *os.File // task output, if wanted, and the log
}

// Run is the daemon in the foreground. It returns nil after it was told to stop
// by SIGTERM, SIGINT or the end of ctx, and has. The error is a [*config.Errors]
// if the file is wrong and there never was a good one.
func Run(ctx context.Context, o Options) error {
	// Whoever started rota may have left descriptors open: not for tasks.
	_ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	// That of most tasks, which then can be started without a detour.
	unix.Umask(0o022)
	out := newOutputs(o)
	defer out.close()
	signals := listen(out.log)
	defer signals.close()
	file := newFile(o)
	cfg, broken, err := file.first()
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
			// Nothing was started: it can begin again once there is room.
			if !full {
				out.log.Error("cannot start before there is room on the disk", "error", err)
				sdNotify("STATUS=waits for room on the disk")
			}
			if full = true; !signals.pause(ctx, time.Second) {
				return nil
			}
		case errors.Is(err, ledger.ErrDamaged) && (!anew || time.Since(begun) >= leastSession):
			anew = true
			// Opened anew the ledger is set aside, and counting starts from then.
			out.log.Error("the ledger is damaged: starting with a new one", "error", err)
		default:
			return err
		}
		if cfg, broken, err = file.first(); err != nil {
			return err
		}
	}
}

// lockStateDir keeps other daemons away from a state directory: by a file in it and,
// because somebody may remove that, by the directory itself, on file systems where
// that works.
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

// lingering is how long a child of a killed daemon, that it was just starting, may
// hold open what the daemon had open: its lock, its sockets.
const lingering = 2 * time.Second

// takeLock takes a lock as soon as no child of a killed daemon holds it.
func takeLock(ctx context.Context, lock *flock.Flock) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lingering)
	defer cancel()
	ok, err := lock.TryLockContext(ctx, 10*time.Millisecond)
	if ctx.Err() != nil {
		err = nil
	}
	return ok, err
}

// leastSession is how long a new ledger must have lasted for it to be replaced by
// yet another one: a disk that damages one after the other is nothing to work on.
const leastSession = 10 * time.Second

// session is a daemon from the opening of its ledger to the end.
func session(ctx context.Context, o Options, out *outputs, file *file, signals *signals, cfg *config.Config, broken error, stateDir string) error {
	h, err := newHost(ctx, o, out, cfg, broken, stateDir)
	if err != nil {
		return err
	}
	defer h.ledger.Close()
	return h.live(ctx, file, signals)
}

// host is the process that an engine is part of: it opens what the engine acts through,
// and lets others in.
type host struct {
	o        Options
	out      *outputs
	log      *slog.Logger
	stateDir string
	first    *config.Config // that it began with
	broken   error          // what was wrong with the file on the disk then; nil: nothing
	ledger   *ledger.SQLite
	tokens   runTokens
	engine   *engine.Engine

	access    *webAccess                     // where others come in by [web]
	listeners []*control.Listener            // that nobody serves yet
	socket    string                         // on this machine; "": there is none
	server    atomic.Pointer[control.Server] // nil: nobody is answered yet
	keeping   sync.Mutex                     // held while the last good file is written
}

// newHost opens all that a daemon needs. The caller must close the ledger.
func newHost(ctx context.Context, o Options, out *outputs, cfg *config.Config, broken error, stateDir string) (*host, error) {
	h := &host{o: o, out: out, log: out.log, stateDir: stateDir, first: cfg, broken: broken}
	h.access = &webAccess{group: cfg.Rota.SocketGroup, rule: o.rule(), makeDir: o.makeSocketDir, log: out.log.Info}
	clock, err := clock.New()
	if err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	if h.ledger, err = ledger.Open(ctx, stateDir, ledger.Options{Now: clock.Now, Queues: out.capacity, Users: out.userOf}); err != nil {
		return nil, err
	}
	if h.tokens, err = newRunTokens(stateDir); err == nil {
		h.listeners, err = h.open(cfg)
	}
	if err != nil {
		return nil, errors.Join(err, h.ledger.Close())
	}
	h.engine = engine.New(h.engineOptions(clock))
	return h, nil
}

// engineOptions is what the engine of this host acts through.
func (h *host) engineOptions(clock clock.Clock) engine.Options {
	o := engine.Options{
		Config: h.first, Broken: h.broken, Version: h.o.Version, StateDir: h.stateDir,
		Held: h.o.Held, Once: h.o.Once, Container: inContainer(),
		Ledger: h.ledger, Clock: clock, Log: h.log,
		Runner:  runner.Options{Trust: h.o.files().TrustFile, Say: h.out.say},
		InForce: h.out.configure, Record: h.out.record, Echo: h.out.echo,
		Expired: h.expired, DiskLow: h.ledger.DiskLow, Token: h.tokens.of,
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

// live is everything from the first slot to the end of the last run.
func (h *host) live(ctx context.Context, file *file, signals *signals) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// What follows forked runs lasts longer than the engine: until all is over. And
	// who asks is answered until then.
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
	h.began(ctx)
	var others, last sync.WaitGroup // those who end with the engine, and those who end when all is over
	last.Go(func() { h.serve(runs, engine.Paced(h.service(file)), g) })
	last.Go(func() { h.engine.Deliver(runs) })
	last.Go(func() { h.watchdog(runs, h.socket) })
	last.Go(func() { signals.serve(runs, h, file, stop) })
	others.Go(func() { file.watch(ctx, h) })
	err = h.engine.Run(ctx)
	stop()
	sdNotify("STOPPING=1")
	// The service manager has to wait as long, and for stop signals and KILL.
	sdNotify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (h.engine.Grace() + time.Minute).Microseconds()))
	h.engine.End(signals.forceStop)
	forget()
	last.Wait()
	others.Wait()
	return err
}

// began tells of the file, and the service manager that rota is ready.
func (h *host) began(ctx context.Context) {
	if h.broken == nil {
		h.keep(h.first)
	} else {
		h.out.complain(h.broken, "the file is wrong: started from the last good one")
		h.engine.Refuse(ctx, h.broken, faults(h.broken), "")
		h.engine.NotifyBadConfig(ctx, h.first.Rota.OnBadConfig, h.broken.Error())
	}
	sdNotify("READY=1")
}

// service is the daemon as others see it.
func (h *host) service(file *file) *service {
	return &service{Service: h.engine.Service(), h: h, file: file}
}
