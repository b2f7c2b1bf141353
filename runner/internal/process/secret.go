package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"rota/internal/trust"
)

// maxSecret bounds what is read as a secret.
const maxSecret = 64 << 10

// opener opens a regular file to read, without ever waiting for a FIFO or a
// lease. Which one is used decides whose files are read.
type opener func(path string) (*os.File, error)

// openerFor returns how the files of a task are opened: with the rights of its
// user that is enough. For root, files that somebody else can change, or can
// exchange on the way, are refused, unless such files are to be trusted.
func openerFor(as *Account, trusting bool) opener {
	if as == nil && os.Geteuid() == 0 {
		return trust.For(trusting).Open
	}
	return func(path string) (*os.File, error) {
		f, _, err := OpenRegular(path)
		return f, err
	}
}

// ownSecret returns a secret that rota itself was given: "cred:NAME" (systemd's
// credentials) or "env:NAME" (its own environment).
func ownSecret(source string) (string, error) {
	kind, name, _ := strings.Cut(source, ":")
	switch kind {
	case "env":
		v, ok := os.LookupEnv(name)
		if !ok {
			return "", fmt.Errorf("rota's environment has no %s", name)
		}
		return v, nil
	case "cred":
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", errors.New("no credentials: start rota by systemd with LoadCredential=")
		}
		return readSecret(filepath.Join(dir, filepath.Base(name)), openerFor(nil, true))
	}
	return "", fmt.Errorf("a secret is file:/path, cred:NAME or env:NAME, not %q", kind)
}

// readSecret reads a secret from a file. One line end at its end is not part of
// it.
func readSecret(path string, open opener) (string, error) {
	f, err := open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("everyone may read or write %s; type: chmod o= %s", path, trust.Quote(path))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxSecret {
		return "", fmt.Errorf("%s is larger than 64KiB", path)
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(string(text), byteOrderMark), "\n"), "\r"), nil
}
