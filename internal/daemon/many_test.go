package daemon

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rota/internal/api"
)

// BenchmarkTasks is the price of the list of 10,000 tasks, and of others' first
// questions about them.
func BenchmarkTasks(b *testing.B) {
	dir := b.TempDir()
	var jobs strings.Builder
	jobs.WriteString("[rota]\nstate_dir = \"state\"\n")
	for i := range 10_000 {
		fmt.Fprintf(&jobs, "[tasks.task%05d]\nat = \"%02d:%02d\"\nlog = \"x\"\n", i, i%24, i%60)
	}
	write(b, filepath.Join(dir, "jobs.toml"), jobs.String())
	s := inProcess(b, filepath.Join(dir, "jobs.toml"))
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"status", func() error { _, err := s.Status(b.Context()); return err }},
		{"list", func() error { _, err := s.Tasks(b.Context()); return err }},
		{"next", func() error { _, err := s.Next(b.Context(), api.NextQuery{}); return err }},
		{"one", func() error { _, err := s.Tasks(b.Context(), "task00001"); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
