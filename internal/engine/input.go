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

// shortInput is how many bytes of input are kept in the row of a run; more is
// kept in a file beside its output.
const shortInput = 4 << 10

// input is what a request gives its run to read.
type input struct {
	short   string                // a text that is short
	file    *renameio.PendingFile // else what holds it; nil: nothing does
	digest  []byte
	written string // the name that the file gets
}

// drop forgets what was not kept.
func (in *input) drop() {
	if in.file != nil {
		_ = in.file.Cleanup()
	}
}

// keep gives the file its name.
func (in *input) keep() (short, file string, err error) {
	if in.file == nil {
		return in.short, "", nil
	}
	return "", in.written, in.file.CloseAtomicallyReplace()
}

// badInput is the answer to who sends an input that cannot be read, or may not be.
func badInput(err error) error {
	if own := (*api.Error)(nil); errors.As(err, &own) {
		return own
	}
	if err := tryAgain(err); api.CodeOf(err) == api.NotNow {
		return err
	}
	return api.Errorf(api.Usage, "", "cannot read the input: %v", err)
}

// takeInput reads the input of a run: what is short and a text goes into its row.
func (eng *Engine) takeInput(run runner.Run, from io.Reader, most int64) (*input, error) {
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
	in.written = eng.files().Input(run.ID)
	// While it is taken in it is in the directory live, which is swept at a start.
	half := filepath.Join(eng.stateDir, "live")
	if err := errors.Join(os.MkdirAll(filepath.Dir(in.written), 0o700), os.MkdirAll(half, 0o700)); err != nil {
		return in, tryAgain(err)
	}
	if in.file, err = renameio.NewPendingFile(in.written, renameio.WithPermissions(0o600), renameio.WithTempDir(half)); err != nil {
		return in, tryAgain(err)
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
		in.drop()
		return &input{}, err
	}
	in.digest = sum.Sum(nil)
	return in, nil
}
