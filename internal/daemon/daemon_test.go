package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Root takes no state from a folder that others can change.
func TestForeignStateFolderIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only for root is it a danger")
	}
	for name, spoil := range map[string]func(dir string) error{
		"owner":  func(dir string) error { return os.Chown(dir, 65534, -1) },
		"rights": func(dir string) error { return os.Chmod(dir, 0o777) },
	} {
		dir := t.TempDir()
		state := filepath.Join(dir, "state")
		write(t, filepath.Join(dir, "jobs.toml"), "[rota]\nstate_dir = \"state\"\n")
		if err := os.Mkdir(state, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := spoil(state); err != nil {
			t.Fatal(err)
		}
		err := Run(t.Context(), Options{Config: filepath.Join(dir, "jobs.toml"), Stdout: os.Stdout, Stderr: os.Stderr})
		if err == nil || !strings.Contains(err.Error(), "chown root "+state) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
