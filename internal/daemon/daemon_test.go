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

// Who has no home takes no state from a folder of a shared place that others
// made first, or may change; one that the file names is the user's own affair.
func TestForeignLastResortIsRefused(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	uid := max(os.Getuid(), 1) // root is held to more
	dir, other := lastResort(uid), filepath.Join(t.TempDir(), "state")
	for _, d := range []string{dir, other} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(d, uid, -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := distrust(dir, uid); err != nil {
		t.Errorf("the user's own: %v", err)
	}
	for _, d := range []string{dir, other} {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := distrust(other, uid); err != nil {
		t.Errorf("one that is named: %v", err)
	}
	if err := distrust(dir, uid); err == nil || !strings.Contains(err.Error(), "others can change the state folder "+dir+"; set state_dir in [rota]") {
		t.Errorf("one that anybody may change: %v", err)
	}
	if err := os.Rename(dir, dir+"-"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, dir); err != nil {
		t.Fatal(err)
	}
	if err := distrust(dir, uid); err == nil {
		t.Error("a link to elsewhere is taken")
	}
}
