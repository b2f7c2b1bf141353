package daemon

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rota/config"
	"rota/internal/trust"
)

// Root uses no state that other users can change, nor a socket in a directory that they
// can change; the commands of the hint correct it.
func TestForeignPlacesAreRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only for root is it a danger")
	}
	away := func(path string) error { return os.Chown(path, 65534, -1) }
	open := func(path string) error { return os.Chmod(path, 0o777) }
	group := func(path string) error { return errors.Join(os.Chown(path, 0, 65534), os.Chmod(path, 0o775)) }
	for _, test := range []struct {
		what  string
		path  string
		spoil func(string) error
	}{
		{"state", "srv/state", away},
		{"state", "srv/state", open},
		{"state", "srv/state", group},
		{"state", "srv", away},
		{"state", "srv", group},
		{"state", "srv/state/lock", away},
		{"state", "srv/state/rota.db", open},
		{"state", "srv/state/token-key", group},
		{"state", "srv/state/logs", away},
		{"socket", "run", away},
		{"socket", "run", group},
		{"socket", "run/rota", open},
	} {
		dir := t.TempDir()
		for _, name := range []string{"srv/state/logs", "run/rota"} {
			must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
		}
		for _, name := range []string{"lock", "rota.db", "token-key"} {
			must(t, os.WriteFile(filepath.Join(dir, "srv/state", name), nil, 0o600))
		}
		state, socket := filepath.Join(dir, "srv/state"), filepath.Join(dir, "run/rota/rota.sock")
		look := func() error { return Options{}.makeStateDir(state) }
		if test.what == "socket" {
			look = func() error { return Options{}.makeSocketDir(socket) }
		}
		must(t, look())
		must(t, test.spoil(filepath.Join(dir, test.path)))
		var e *trust.Error
		if err := look(); !errors.As(err, &e) || e.Path != filepath.Join(dir, test.path) {
			t.Errorf("%s: %v", test.path, err)
			continue
		}
		if out, err := exec.Command("sh", "-c", strings.Join(e.Cure, " && ")).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", e.Cure, out)
		}
		if err := look(); err != nil {
			t.Errorf("after %s: %v", e.Cure, err)
		}
	}
}

// A volume that everybody can write to serves, where that was said to be right;
// a ledger that everybody can write to does not.
func TestOpenVolumeIsTaken(t *testing.T) {
	volume := t.TempDir()
	must(t, os.Chmod(volume, 0o777))
	o, state := Options{TrustFile: true}, filepath.Join(volume, "state")
	must(t, o.makeStateDir(volume))
	must(t, o.makeStateDir(state))
	must(t, o.makeSocketDir(filepath.Join(volume, "rota.sock")))
	if err := (Options{}).makeStateDir(state); err == nil {
		t.Error("it is taken without a word")
	}
	must(t, os.WriteFile(filepath.Join(state, "rota.db"), nil, 0o600))
	must(t, os.Chmod(filepath.Join(state, "rota.db"), 0o666))
	if err := o.makeStateDir(state); !errors.As(err, new(*trust.Error)) {
		t.Errorf("a ledger that everybody can write to: %v", err)
	}
}

// A user without a home directory uses no state from a shared place if another user made
// the directory first.
func TestForeignSharedStateDirIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give directories away")
	}
	shared := t.TempDir()
	must(t, os.Chmod(shared, 0o777|os.ModeSticky))
	t.Setenv("TMPDIR", shared)
	dir := config.SharedStateDir()
	must(t, os.Mkdir(dir, 0o755))
	must(t, Options{}.makeStateDir(dir))
	must(t, os.Chown(dir, 65534, -1))
	if err := (Options{}).makeStateDir(dir); !errors.As(err, new(*trust.Error)) {
		t.Errorf("another's: %v", err)
	}
	must(t, os.Remove(dir))
	must(t, os.Symlink(t.TempDir(), dir))
	must(t, unix.Lchown(dir, 65534, -1))
	if err := (Options{}).makeStateDir(dir); !errors.As(err, new(*trust.Error)) {
		t.Errorf("another's link: %v", err)
	}
}
