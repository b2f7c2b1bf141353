package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/clock"
	"rota/internal/engine"
	"rota/internal/ledger"
)

// noon is when the bubbles of most tests begin.
const noon = "2026-11-21T12:00:00-05:00"

// bubble is a host with its engine in fake time, without sockets and signals.
type bubble struct {
	*host
	t    *testing.T
	fake *clock.Fake
	cfg  *config.Config                    // that the engine began with
	wrap func(ledger.Ledger) ledger.Ledger // around the ledger of the next engine; nil: nothing
	runs context.Context                   // ends with the engine
	stop func()
}

// inBubble runs a test with a host that begins at noon on a file.
func inBubble(t *testing.T, jobs string, test func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		at, err := time.Parse(time.RFC3339, noon)
		must(t, err)
		time.Sleep(time.Until(at)) // time itself is the subject: all in the bubble agree on it
		b := &bubble{t: t, fake: clock.NewFake(at)}
		b.cfg = b.parse(jobs)
		b.live(t.TempDir())
		test(b)
		synctest.Wait()
		b.stop()
	})
}

func (b *bubble) parse(jobs string) *config.Config {
	b.t.Helper()
	cfg, err := config.Parse(filepath.Join(b.t.TempDir(), "jobs.toml"), "[rota]\ntimezone = \"America/New_York\"\n"+jobs, config.Options{})
	must(b.t, err)
	return cfg
}

// live begins an engine in a state directory.
func (b *bubble) live(stateDir string) {
	b.t.Helper()
	log := slog.New(slog.DiscardHandler)
	book, err := ledger.Open(b.t.Context(), stateDir, ledger.Options{Now: b.fake.Now})
	must(b.t, err)
	wrapped := ledger.Ledger(book)
	if b.wrap != nil {
		wrapped = b.wrap(book)
	}
	b.host = &host{out: newOutputs(Options{}), log: log, stateDir: stateDir, access: &webAccess{log: log.Info}}
	b.engine = engine.New(engine.Options{Config: b.cfg, StateDir: stateDir, Ledger: wrapped, Clock: b.fake, Log: log})
	ctx, cancel := context.WithCancel(b.t.Context())
	b.runs = ctx
	must(b.t, b.engine.Begin(ctx, ctx))
	ended := make(chan error, 1)
	go func() { ended <- b.engine.Run(ctx) }()
	b.stop = func() {
		cancel()
		must(b.t, errors.Join(<-ended, book.Close()))
		b.out.close()
	}
}

// restart is a daemon that is killed, and one that starts at once.
func (b *bubble) restart() {
	synctest.Wait()
	b.stop()
	b.live(b.stateDir)
	synctest.Wait()
}

// pass lets time go by.
func (b *bubble) pass(d time.Duration) {
	time.Sleep(d) // time itself is the subject
	synctest.Wait()
}

// edited puts another file in force.
func (b *bubble) edited(jobs string) {
	b.t.Helper()
	cfg, now := b.parse(jobs), b.engine.InForce()
	must(b.t, b.engine.Reload(b.t.Context(), cfg, config.Diff(now, cfg), ""))
	synctest.Wait()
}

// status is what the daemon says of itself.
func (b *bubble) status(f *file) api.Status {
	b.t.Helper()
	st, err := b.service(f).Status(b.t.Context())
	must(b.t, err)
	return st
}
