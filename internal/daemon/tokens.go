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

	"rota/internal/control"
	"rota/runner"
)

// runTokens makes the tokens with which runs call the API for their own tasks. A token is
// the id of the run and a code that needs the key: tokens are not stored, and those of
// forked runs stay valid after a restart. The code depends on the attempt and its start, so
// that it is not valid for a later run with the same id.
type runTokens struct{ key []byte }

// newRunTokens reads the key of a state directory, or makes it.
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

// token returns the token of an attempt of a run, which has started.
func (t runTokens) token(run runner.Run) string {
	return "run." + base64.RawURLEncoding.EncodeToString([]byte(run.ID)) + "." + base64.RawURLEncoding.EncodeToString(t.code(run))
}

func (t runTokens) code(run runner.Run) []byte {
	mac := hmac.New(sha256.New, t.key)
	fmt.Fprintf(mac, "%s %d %d", run.ID, run.Attempts, run.Started.UnixMicro()) // as precise as the ledger
	return mac.Sum(nil)
}

// splitToken returns the id of the run that a token names, and its code.
func splitToken(token string) (id string, code []byte, ok bool) {
	idText, codeText, ok := strings.Cut(strings.TrimPrefix(token, "run."), ".")
	idBytes, err := base64.RawURLEncoding.DecodeString(idText)
	code, err2 := base64.RawURLEncoding.DecodeString(codeText)
	return string(idBytes), code, ok && err == nil && err2 == nil
}

// tokenOf returns the function that finds the run of a token, valid only while that attempt runs.
func (h *host) tokenOf(t runTokens) control.TokenOf {
	return func(token string) (runner.Run, bool) {
		id, code, ok := splitToken(token)
		if !ok {
			return runner.Run{}, false
		}
		run, ok := h.engine.Attempt(id)
		return run, ok && hmac.Equal(code, t.code(run))
	}
}
