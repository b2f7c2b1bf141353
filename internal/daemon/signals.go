package daemon

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"rota/internal/early"
)

// signals holds the signals that the process receives, from its start on.
type signals struct {
	raw       chan os.Signal // as received
	ch        chan os.Signal // for serve
	forceStop chan struct{}  // closed by the second request to stop
	end       context.CancelFunc
	ctx       context.Context
}

// exitTimeout is how long a daemon may take to end after the second request to stop: long
// enough for processes to end by KILL.
const exitTimeout = 10 * time.Second

// catchSignals catches the signals for serve, and keeps them until that runs. The second request
// to stop always ends the process, whatever it waits for: the ledger is then as consistent
// as after a kill.
func catchSignals(log *slog.Logger) *signals {
	s := &signals{raw: early.Signals(), ch: make(chan os.Signal, 64), forceStop: make(chan struct{})}
	s.ctx, s.end = context.WithCancel(context.Background())
	// SIGPIPE is caught rather than ignored, as commands would inherit that.
	signal.Notify(s.raw, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
	go s.pass(func() {
		log.Error("cannot stop cleanly: exiting", "waited", exitTimeout.String())
		os.Exit(1)
	})
	return s
}

// pass forwards the signals to serve, and counts the requests to stop.
func (s *signals) pass(exit func()) {
	stops := 0
	for {
		select {
		case <-s.ctx.Done():
			return
		case sig := <-s.raw:
			if sig == syscall.SIGTERM || sig == syscall.SIGINT {
				if stops++; stops == 2 {
					close(s.forceStop)
					over := time.AfterFunc(exitTimeout, exit)
					defer over.Stop()
				}
			}
			select {
			case s.ch <- sig:
			default: // many are pending already
			}
		}
	}
}

func (s *signals) close() {
	signal.Stop(s.raw)
	s.end()
}

// serve handles signals until ctx ends: TERM and INT stop rota, a second one at once; HUP
// and USR2 reload, unless rota is stopping; USR1 writes the state to the log.
func (s *signals) serve(ctx context.Context, h *host, f *file, stop func()) {
	stops := 0
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-s.ch:
			switch sig {
			case syscall.SIGHUP, syscall.SIGUSR2:
				if stops == 0 {
					go func() { _, _ = f.reload(s.ctx, h, sig.String()) }()
				}
			case syscall.SIGUSR1:
				h.engine.LogState()
			case syscall.SIGTERM, syscall.SIGINT:
				if stops++; stops == 1 {
					stop()
					h.log.Info("stopping; a second signal stops at once", "signal", sig.String())
				}
			}
		}
	}
}

// pause waits for d, and reports whether no request to stop arrived in that time.
func (s *signals) pause(ctx context.Context, d time.Duration) bool {
	for over := time.After(d); ; {
		select {
		case <-over:
			return true
		case <-ctx.Done():
			return false
		case sig := <-s.ch:
			if sig == syscall.SIGTERM || sig == syscall.SIGINT {
				return false
			}
		}
	}
}
