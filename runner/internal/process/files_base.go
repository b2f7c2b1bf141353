package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"rota/internal/trust"
)

// runtimeDir is where root keeps what is gone with a restart of the machine.
const runtimeDir = "/run/rota"

// filesBase returns a directory in which only rota can make directories, and
// which every user can enter: below /run, where no cleaner of temporary files
// comes by, or where there is none in the state directory.
func filesBase(stateDir string, trusting bool) (string, error) {
	dir := filepath.Join(runtimeDir, "tasks")
	if trust.RootAndSelf.MakeDir(runtimeDir, 0o755) == nil && trust.RootAndSelf.MakeDir(dir, 0o711) == nil {
		return dir, errors.Join(allowEntry(runtimeDir), allowEntry(dir))
	}
	if stateDir == "" { // of a notification
		return "", fmt.Errorf("no directory for it: %s must be a directory of root", dir)
	}
	dir = filepath.Join(stateDir, "tasks")
	if err := trust.For(trusting).MakeDir(dir, 0o711); err != nil {
		return "", err
	}
	return dir, allowEntry(dir)
}

// allowEntry lets every user enter a directory, whatever the umask was when it was made.
func allowEntry(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o011 == 0o011 {
		return err
	}
	return os.Chmod(dir, info.Mode().Perm()|0o011)
}
