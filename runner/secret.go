package runner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxSecret bounds what is read as a secret.
const maxSecret = 64 << 10

// resolveSecret reads a secret from where it is kept: "file:/path",
// "cred:NAME" (systemd's credentials) or "env:NAME" (rota's own environment).
// One line end at its end is not part of it.
func resolveSecret(source string) (string, error) {
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
		return readSecret(filepath.Join(dir, filepath.Base(name)))
	case "file":
		return readSecret(name)
	}
	return "", fmt.Errorf("a secret is file:/path, cred:NAME or env:NAME, not %q", kind)
}

func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", path)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("everyone may read or write %s; type: chmod o= %s", path, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxSecret {
		return "", fmt.Errorf("%s is larger than 64KiB", path)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}
