package command

import (
	"encoding/base64"
	"errors"
	"io"
	"os"
	"unicode/utf8"

	"github.com/google/renameio/v2"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"rota/internal/api"
)

func resultCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "result",
		Category:  "See what happens",
		Usage:     "fetch what a run wrote to ROTA_RESULT_FILE",
		ArgsUsage: "TASK|RUN",
		Description: `A TASK or a recurring request means its newest run. The exit code is 8 while the
run has not ended. -o writes the whole file or none. With --json the result is
text in "result" or, if it is not text, in "result_base64".

  rota result convert
  rota result convert/7f3k2m9q -o photo.png`,
		Flags: []cli.Flag{&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write it to `FILE`"}},
		Action: func(c *cli.Context) error {
			id := c.Args().First()
			if id == "" {
				return misuse("result", "result needs the name of a task or a run")
			}
			r, done, err := s.reader(c)
			if err != nil {
				return err
			}
			defer done()
			result, err := r.Result(c.Context, id)
			if err != nil {
				return err
			}
			defer result.Close()
			switch path := c.String("output"); {
			case path != "" && path != "-":
				return writeResult(result, path)
			case c.Bool("json"):
				run, err := r.Run(c.Context, id)
				if err != nil {
					return err
				}
				return s.resultJSON(run.ID, result)
			case term.IsTerminal(int(s.out.Fd())):
				return eachLine(result, false, func(l outputLine) error { return s.printLines(l.text) })
			}
			_, err = io.Copy(s.out, result)
			return err
		},
	}
}

// writeResult writes a result to a file, which appears when it is complete. A path that is
// not a regular file, such as a pipe, is written to directly.
func writeResult(result io.Reader, path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = io.Copy(f, result)
			err = errors.Join(err, f.Close())
		}
		return writeError(err)
	}
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o666))
	if err != nil {
		return writeError(err)
	}
	defer f.Cleanup()
	if _, err = io.Copy(f, result); err == nil {
		err = f.CloseAtomicallyReplace()
	}
	return writeError(err)
}

func writeError(err error) error {
	if err == nil {
		return nil
	}
	return fail(exitFailed, "", "cannot write the result: %v", err)
}

// maxResult is how much of a result fits into an object.
const maxResult = 64 << 20

func (s *session) resultJSON(id string, result io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(result, maxResult+1))
	switch {
	case err != nil:
		return err
	case len(data) > maxResult:
		return api.Errorf(api.Failed, "use -o FILE", "the result is too large for an object")
	}
	answer := map[string]string{"run": id}
	if utf8.Valid(data) {
		answer["result"] = string(data)
	} else {
		answer["result_base64"] = base64.StdEncoding.EncodeToString(data)
	}
	return s.json(s.out, answer)
}
