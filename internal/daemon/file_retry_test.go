package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
)

// A reload that fails stays pending: it is retried with increasing pauses until it
// succeeds. Changes of other files in the directory do not shorten the pause.
func TestReloadIsTriedAgain(t *testing.T) {
	inBubble(t, "[tasks.t]\nlog = \"x\"\n", func(r *bubble) {
		disk := &ledgertest.Full{}
		r.wrap = func(l ledger.Ledger) ledger.Ledger { disk.Ledger = l; return disk }
		r.restart()
		var log bytes.Buffer
		r.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
		write(t, r.cfg.Path, "[rota]\ntimezone = \"America/New_York\"\n[tasks.t]\nlog = \"x\"\n[tasks.more]\nlog = \"x\"\n")
		f := newFile(Options{Config: r.cfg.Path})
		f.current = r.cfg
		ended := make(chan struct{})
		ctx := r.runs
		go func() { defer close(ended); f.awaitRetries(ctx, r.host) }()
		status := func() string { return strings.Join(r.status(f).Trouble, "\n") }

		waits := func() pending {
			end, err := f.waitTurn(r.t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer end()
			return f.pending
		}

		disk.Full.Store(true)
		if _, err := f.reload(r.t.Context(), r.host, ""); !errors.Is(err, ledger.ErrDiskFull) {
			t.Fatalf("the ledger did not fail: %v", err)
		}
		if !strings.Contains(status(), "reload") || !strings.Contains(status(), ledger.ErrDiskFull.Error()) {
			t.Errorf("status: %s", status())
		}
		pauses := []time.Duration{waits().pause}
		for range 20 {
			if _, err := f.reload(r.t.Context(), r.host, ""); err != nil {
				t.Errorf("something else in the directory tried again: %v", err)
			}
		}
		for range 7 {
			r.pass(waits().pause)
			pauses = append(pauses, waits().pause)
		}
		if want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}; !equalSeconds(pauses, want) {
			t.Errorf("pauses %v, want %v s", pauses, want)
		}
		if n := strings.Count(log.String(), "reload"); n != 1 {
			t.Errorf("%d errors:\n%s", n, log.String())
		}
		if n := disk.Attempts.Load(); n != 8 {
			t.Errorf("%d attempts", n)
		}
		disk.Full.Store(false)
		r.pass(time.Minute)
		if st := status(); st != "" || len(r.engine.InForce().Tasks) != 2 || waits() != (pending{}) {
			t.Errorf("%d tasks; status: %s", len(r.engine.InForce().Tasks), st)
		}
		r.restart()
		<-ended
	})
}

// An edit does not wait for the pause of what it replaces.
func TestEditEndsAPendingReload(t *testing.T) {
	const header = "[rota]\ntimezone = \"America/New_York\"\n[tasks.t]\nlog = \"x\"\n"
	for _, c := range []struct{ name, text string }{
		{"another text", header + "[tasks.b]\nlog = \"x\"\n"},
		{"the text in force", header},
		{"a wrong text", header + "wrong"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, "[tasks.t]\nlog = \"x\"\n", func(r *bubble) {
				disk := &ledgertest.Full{}
				r.wrap = func(l ledger.Ledger) ledger.Ledger { disk.Ledger = l; return disk }
				r.restart()
				write(t, r.cfg.Path, header+"[tasks.a]\nlog = \"x\"\n")
				f := newFile(Options{Config: r.cfg.Path})
				f.current = r.cfg
				disk.Full.Store(true)
				if _, err := f.reload(r.t.Context(), r.host, ""); !errors.Is(err, ledger.ErrDiskFull) {
					t.Fatalf("the ledger did not fail: %v", err)
				}
				disk.Full.Store(false)
				must(t, os.WriteFile(r.cfg.Path, []byte(c.text), 0o600))
				_, err := f.reload(r.t.Context(), r.host, "")
				synctest.Wait()
				st := r.status(f)
				if wrong := strings.HasSuffix(c.text, "wrong"); (err != nil) != wrong || (st.Broken != "") != wrong || len(st.Trouble) > 0 {
					t.Errorf("%v, %+v", err, st)
				}
			})
		})
	}
}

func equalSeconds(got, want []time.Duration) bool {
	for i, d := range got {
		if i >= len(want) || d != want[i]*time.Second {
			return false
		}
	}
	return len(got) == len(want)
}
