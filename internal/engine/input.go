package engine

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/google/renameio/v2"

	"rota/internal/api"
	"rota/runner"
)

// shortInput limits the input that is stored in the row of a run; longer input is stored in
// a file beside its output.
const shortInput = 4 << 10

// input is the standard input of a requested run.
type input struct {
	short  string                // a short text
	file   *renameio.PendingFile // else the file with it; nil: none
	digest []byte
	path   string // the final name of the file
}

// discard removes a file that was not saved.
func (in *input) discard() {
	if in.file != nil {
		_ = in.file.Cleanup()
	}
}

// save renames the file to its final name.
func (in *input) save() (short, file string, err error) {
	if in.file == nil {
		return in.short, "", nil
	}
	return "", in.path, in.file.CloseAtomicallyReplace()
}

// badInput returns the error for an input that cannot be read or stored.
func badInput(err error) error {
	if own := (*api.Error)(nil); errors.As(err, &own) {
		return own
	}
	if err := notNowError(err); api.CodeOf(err) == api.NotNow {
		return err
	}
	return api.Errorf(api.Usage, "", "cannot read the input: %v", err)
}

// readInput reads the input of a run: a short text is stored in its row.
func (eng *Engine) readInput(run runner.Run, from io.Reader, most int64) (*input, error) {
	in := &input{}
	if from == nil {
		return in, nil
	}
	sum := sha256.New()
	head, err := io.ReadAll(io.LimitReader(from, shortInput+1))
	if err != nil {
		return in, badInput(err)
	}
	_, _ = sum.Write(head)
	in.digest = sum.Sum(nil)
	tooLong := api.Errorf(api.Usage, "input_max of the task is the limit", "the input is longer than %d bytes", most)
	switch {
	case int64(len(head)) > most:
		return in, tooLong
	case len(head) <= shortInput && utf8.Valid(head) && !bytes.ContainsRune(head, 0):
		in.short = string(head)
		return in, nil
	}
	in.path = eng.files().Input(run.ID)
	// Until it is complete it is in the directory live, which is cleaned at a start.
	half := filepath.Join(eng.stateDir, "live")
	if err := errors.Join(os.MkdirAll(filepath.Dir(in.path), 0o700), os.MkdirAll(half, 0o700)); err != nil {
		return in, notNowError(err)
	}
	if in.file, err = renameio.NewPendingFile(in.path, renameio.WithPermissions(0o600), renameio.WithTempDir(half)); err != nil {
		return in, notNowError(err)
	}
	rest := io.TeeReader(io.LimitReader(from, most+1-int64(len(head))), sum)
	n, err := io.Copy(in.file, io.MultiReader(bytes.NewReader(head), rest))
	switch {
	case err != nil:
		err = badInput(err)
	case n > most:
		err = tooLong
	}
	if err != nil {
		in.discard()
		return &input{}, err
	}
	in.digest = sum.Sum(nil)
	return in, nil
}
