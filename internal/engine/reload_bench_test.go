package engine

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"rota/config"
	"rota/internal/clock"
	"rota/internal/ledger"
)

// BenchmarkReload puts a file in force of which all 10,000 tasks have other triggers, from
// its text on.
func BenchmarkReload(b *testing.B) {
	dir := b.TempDir()
	read := func(more int) *config.Config {
		var text strings.Builder
		for i := range 10_000 {
			fmt.Fprintf(&text, "[tasks.t%d]\ncron = \"%d %d 29 2 *\"\ncommand = [\"/bin/true\"]\n", i, (i+more)%60, i/60%24)
		}
		c, err := config.Parse(filepath.Join(dir, "jobs.toml"), text.String(), config.Options{})
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	book, err := ledger.Open(b.Context(), dir, ledger.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer book.Close()
	now, err := clock.New()
	if err != nil {
		b.Fatal(err)
	}
	eng := New(Options{Config: read(0), StateDir: dir, Ledger: book, Clock: now, Log: slog.New(slog.DiscardHandler)})
	if err := eng.Begin(b.Context(), b.Context()); err != nil {
		b.Fatal(err)
	}
	more := 0
	for b.Loop() {
		more++
		c := read(more)
		if err := eng.swap(b.Context(), c, config.Diff(eng.cfg, c), ""); err != nil {
			b.Fatal(err)
		}
	}
}
