package hungtest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A look-up in it blocks until it is released.
func TestMount(t *testing.T) {
	for name, ask := range map[string]func(dir string) error{
		"look up": func(dir string) error { _, err := os.Stat(filepath.Join(dir, "file")); return err },
		"list":    func(dir string) error { _, err := os.ReadDir(dir); return err },
		"stat":    func(dir string) error { _, err := os.Stat(dir); return err },
	} {
		t.Run(name, func(t *testing.T) {
			f := Mount(t, t.TempDir())
			answer := make(chan error, 1)
			go func() { answer <- ask(f.Dir) }()
			if err := f.Asked(t.Context()); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-answer:
				t.Fatalf("answered: %v", err)
			default:
			}
			if err := f.Release(); err != nil {
				t.Fatal(err)
			}
			if err := <-answer; !errors.Is(err, unix.ECONNABORTED) && !errors.Is(err, unix.ENOTCONN) {
				t.Errorf("after the release: %v", err)
			}
			if entries, err := os.ReadDir(f.Dir); err != nil || len(entries) != 0 {
				t.Errorf("what is below is not back: %v, %v", entries, err)
			}
		})
	}
}
