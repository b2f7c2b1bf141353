// Package daemon joins the rooms: it is the one place that sees the file, the
// schedule, the runner and the ledger at once, and it keeps the loop that lets
// them work together.
package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"rota/config"
	"rota/internal/api"
	"rota/internal/clock"
	"rota/internal/control"
	"rota/internal/ledger"
	"rota/internal/query"
	"rota/runner"
)

// ErrRunning is the error of a second daemon in the same state directory.
var ErrRunning = errors.New("another rota daemon is running")

// Options is what the command line says; all else is in the file.
type Options struct {
	Config    string // the file
	TrustFile bool   // whoever owns it and may write it
	Output    string // instead of [rota] output; "": as the file says
	LogLevel  string // instead of [rota] log_level; "": as the file says
	Color     string // "auto", "always" or "never"
	Version   string // for the log
	StateDir  string // absolute: the state directory of a file that names none; "": that by default
	Socket    string // instead of [rota] socket; "": as the file says
	Held      bool   // every task starts held
	Once      bool   // do what is due since the last time, wait for it, and end

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
	l := newLoop(o, out, cfg, stateDir)
	l.broken = broken
	var err error
	if l.clock, err = clock.New(); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	book, err := ledger.Open(ctx, stateDir, ledger.Options{Now: l.clock.Now, Queues: out.capacity, Users: out.userOf})
	if err != nil {
		return err
	}
	defer book.Close()
	if found := book.Found().String(); found != "" {
		out.log.Error("the ledger is not sound", "found", found)
		l.alarms.damage = found
	}
	l.ledger, l.diskLow = answering{book}, book.DiskLow
	l.notifications = newNotifications(&l.inForce, stateDir, book, l.log, l.targetFails)
	tokens, err := newRunTokens(stateDir)
	if err != nil {
		return err
	}
	l.token = tokens.of
	l.runner = runner.New(runner.Options{StateDir: stateDir, Trust: o.files().TrustFile, Done: l.done, Returned: l.returned, Echo: l.echo, Say: out.say})
	doors, err := l.open(cfg)
	if err != nil {
		return err
	}
	return l.live(ctx, file, signals, tokens, doors)
}

// live is everything from the first slot to the end of the last run.
func (l *loop) live(ctx context.Context, file *file, signals *signals, tokens runTokens, doors []*control.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// What follows forked runs lasts longer than the loop: until all is over. And
	// who asks is answered until then.
	runs, forget := context.WithCancel(context.WithoutCancel(ctx))
	defer forget()
	l.runs = runs
	if err := l.begin(ctx); err != nil {
		l.access.shut()
		closeAll(doors)
		return err
	}
	var others, last sync.WaitGroup // those who end with the loop, and those who end when all is over
	ground, err := newGround(l.stateDir, l.vars["ROTA_SOCKET"])
	if err != nil {
		l.access.shut()
		closeAll(doors)
		return err
	}
	defer ground.directory.Close()
	last.Go(func() { l.serve(runs, paced{l.service(file), &l.pace}, tokens, doors, ground) })
	last.Go(func() { _ = l.notifications.run(runs) })
	last.Go(func() { l.watchdog(runs, l.vars["ROTA_SOCKET"]) })
	last.Go(func() { signals.serve(runs, l, file, stop) })
	others.Go(func() { file.watch(ctx, l) })
	others.Go(func() { l.retain(ctx) })
	if events, err := l.ledger.Watch(ctx); err == nil {
		others.Go(func() {
			for e := range events {
				l.ledgerSays(e)
			}
		})
	}
	err = l.run(ctx)
	stop()
	err = errors.Join(err, l.end(signals.hurry))
	close(l.over)
	l.hub.Close()
	forget()
	last.Wait()
	others.Wait()
	return err
}

// service is the daemon as others see it.
func (l *loop) service(file *file) *service {
	r := &query.Reader{Ledger: l.ledger, StateDir: l.stateDir, Config: l.inForce.Load, Now: l.clock.Now, Agenda: l.coming, States: l.remembered}
	return &service{Reader: r, l: l, file: file}
}

// end stops what is under way and writes the last lines.
func (l *loop) end(hurry <-chan struct{}) error {
	sdNotify("STOPPING=1")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l.drain(hurry)
	left := l.view.Live("")
	l.event(ctx, ledger.Event{Time: time.Now(), Kind: "stop", Text: api.Plural(len(left), "forked run goes on", "forked runs go on")})
	l.log.Info("stopped", "forked", len(left), "waiting", len(l.view.Waiting("")))
	return nil
}
