package daemon

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"rota/runner"
)

// runTokens makes the tokens by which runs act on their own tasks. A token is the
// run's id and a code that only who knows the key can make: nothing of it is
// kept, and it holds after a restart for the forked runs that it was given to.
type runTokens struct{ key []byte }

// newRunTokens reads the key of a state folder, or makes it.
func newRunTokens(stateDir string) (runTokens, error) {
	path := filepath.Join(stateDir, "token-key")
	key, err := os.ReadFile(path)
	if err == nil && len(key) == sha256.Size {
		return runTokens{key}, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return runTokens{}, fmt.Errorf("the key of the runs' tokens: %w", err)
	}
	key = make([]byte, sha256.Size)
	_, _ = rand.Read(key) // it never fails
	if err := renameio.WriteFile(path, key, 0o600); err != nil {
		return runTokens{}, fmt.Errorf("the key of the runs' tokens: %w", err)
	}
	return runTokens{key}, nil
}

// of returns the token of a run.
func (t runTokens) of(run string) string {
	return "run." + base64.RawURLEncoding.EncodeToString([]byte(run)) + "." + base64.RawURLEncoding.EncodeToString(t.code(run))
}

func (t runTokens) code(run string) []byte {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte(run))
	return mac.Sum(nil)
}

// run returns the run whose token it is.
func (t runTokens) run(token string) (string, bool) {
	id, code, ok := strings.Cut(strings.TrimPrefix(token, "run."), ".")
	run, err := base64.RawURLEncoding.DecodeString(id)
	given, err2 := base64.RawURLEncoding.DecodeString(code)
	if !ok || err != nil || err2 != nil || !hmac.Equal(given, t.code(string(run))) {
		return "", false
	}
	return string(run), true
}

// tokenOf tells whose token it is: only while the run is under way.
func (l *loop) tokenOf(t runTokens) func(token string) (task, run string, ok bool) {
	return func(token string) (string, string, bool) {
		run, ok := t.run(token)
		if !ok {
			return "", "", false
		}
		if _, alive := l.leases.Load(run); !alive {
			return "", "", false
		}
		task, _ := runner.SplitID(run)
		return task, run, true
	}
}
