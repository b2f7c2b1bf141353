package command

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"rota/config"
	"rota/internal/escape"
)

func editCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "edit",
		Category:  "Look at the file",
		Usage:     "edit the file, and replace it once it is valid",
		ArgsUsage: "[FILE]",
		Description: `Opens a copy in $VISUAL or $EDITOR, or in vi. When the editor ends, the copy is
checked, and errors are shown: on a terminal one can edit again; elsewhere the
file is unchanged. FILE may be one that the file includes.

The file is replaced in one step and keeps its owner and mode. A running daemon
reloads it.

  rota edit
  rota edit /etc/rota/conf.d/db.toml`,
		Action: func(c *cli.Context) error {
			path := c.Args().First()
			if path == "" {
				var err error
				if path, err = file(c); err != nil {
					return err
				}
			}
			main, err := file(c)
			if err != nil {
				main = path
			}
			e, err := newEditing(path, main)
			if err != nil {
				return err
			}
			err = s.edit(e)
			if e.keepCopy {
				fmt.Fprintf(s.err, "your text is kept in %s\n", escape.Line(e.copy))
			} else {
				os.RemoveAll(filepath.Dir(e.copy))
			}
			if err != nil {
				return err
			}
			return s.printResult(c, struct {
				File    string `json:"file"`
				Changed bool   `json:"changed"`
				Text    string `json:"text"`
			}{path, e.changed, e.outcome}, e.path+": "+e.outcome)
		},
	}
}

// editing is the change of one file.
type editing struct {
	path      string // as it was named
	main      string // the file that may include it; it is tested as a part of that
	copy      string
	text      []byte // before
	oldFaults []config.Fault

	keepCopy bool   // the copy has text that would be lost
	changed  bool   // the file was changed
	outcome  string // what was done
}

// newEditing makes the copy, in a new directory that only the user can read.
func newEditing(path, main string) (*editing, error) {
	cannot := func(err error) error {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "make one: rota init"
		}
		return fail(exitFile, hint, "cannot edit: %v", err)
	}
	e := &editing{path: path, main: main}
	info, err := os.Stat(path)
	if err != nil {
		return nil, cannot(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fail(exitFile, "", "cannot edit: %s is not a regular file", path)
	}
	if e.text, err = os.ReadFile(path); err != nil {
		return nil, cannot(err)
	}
	var wrong *config.Errors
	if _, err := e.check(e.text); errors.As(err, &wrong) {
		e.oldFaults = wrong.Faults
	}
	dir, err := os.MkdirTemp("", "rota-edit-")
	if err != nil {
		return nil, cannot(err)
	}
	e.copy = filepath.Join(dir, filepath.Base(path)) // editors recognise the format by the name
	if err := os.WriteFile(e.copy, e.text, 0o600); err != nil {
		os.RemoveAll(dir)
		return nil, cannot(err)
	}
	return e, nil
}

// check loads the configuration as if the text were in the file already.
func (e *editing) check(text []byte) (*config.Config, error) {
	target, err := os.Stat(e.path)
	if err != nil {
		return nil, err
	}
	used := false
	o := config.Options{Read: func(path string) ([]byte, error) {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if os.SameFile(info, target) {
			used = true
			return text, nil
		}
		return os.ReadFile(path)
	}}
	cfg, err := config.Load(e.main, o)
	if used {
		return cfg, err
	}
	return config.Load(e.path, o) // the main file does not include it
}

// edit has the user edit until the copy is valid, and replaces the file.
func (s *session) edit(e *editing) error {
	for {
		if err := s.editor(e.copy); err != nil {
			return err
		}
		text, err := os.ReadFile(e.copy)
		if err != nil {
			return fail(exitFailed, "", "cannot read the copy: %v", err)
		}
		if string(text) == string(e.text) {
			e.outcome = "no change"
			return nil
		}
		cfg, err := e.check(text)
		if err = e.newFaults(err); err == nil {
			e.outcome = e.difference(cfg)
			return e.replace(text)
		}
		err = fromFile(e.path, err)
		if !term.IsTerminal(int(s.in.Fd())) {
			e.keepCopy = true
			return err
		}
		s.report(err, false)
		if !s.askEditAgain() {
			return fail(exitFile, "", "%s is unchanged", e.path)
		}
	}
}

// newFaults removes from an error the faults that other files had before: this file can be
// corrected first.
func (e *editing) newFaults(err error) error {
	var wrong *config.Errors
	if !errors.As(err, &wrong) {
		return err
	}
	var left []config.Fault
	for _, f := range wrong.Faults {
		if sameFile(f.File, e.path) || !slices.Contains(e.oldFaults, f) {
			left = append(left, f)
		}
	}
	if left == nil {
		return nil
	}
	return &config.Errors{Faults: left}
}

// difference describes the change; cfg is nil if other files have errors.
func (e *editing) difference(cfg *config.Config) string {
	if cfg == nil {
		return "saved; other files still have errors; see: rota check"
	}
	old, err := e.check(e.text)
	if err != nil {
		return "saved: " + count(len(cfg.Tasks), "task") + ", ok"
	}
	changes := config.Diff(old, cfg)
	if changes.Empty() {
		return "saved; no task has changed"
	}
	return "saved: " + changes.String()
}

// editor runs the user's editor on a file and waits for its end. Only the editor gets
// the signals of the terminal.
func (s *session) editor(path string) error {
	name := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(signals)
	cmd := exec.Command("/bin/sh", "-c", name+` "$@"`, name, path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.in, s.out, s.err
	if err := cmd.Run(); err != nil {
		return fail(exitFailed, "nothing was changed", "the editor %s: %v", name, err)
	}
	return nil
}

// askEditAgain asks whether to edit once more. No answer is no.
func (s *session) askEditAgain() bool {
	in := bufio.NewReader(s.in)
	for {
		fmt.Fprint(s.err, "e to edit again, x to leave the file unchanged: ")
		answer, err := in.ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "e", "edit":
			return true
		case "x", "exit", "q", "quit":
			return false
		}
		if err != nil {
			return false
		}
	}
}

// replace replaces the file in one step, unless it was changed meanwhile. A link stays a
// link.
func (e *editing) replace(text []byte) (err error) {
	defer func() { e.keepCopy = err != nil }()
	cannot := func(err error) error { return fail(exitFailed, "", "cannot write %s: %v", e.path, err) }
	path, err := filepath.EvalSymlinks(e.path)
	if err != nil {
		return cannot(err)
	}
	now, err := os.ReadFile(path)
	if err != nil {
		return cannot(err)
	}
	if !slices.Equal(now, e.text) {
		return fail(exitConflict, "", "%s was changed by another program meanwhile", e.path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return cannot(err)
	}
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return cannot(err)
	}
	defer f.Cleanup()
	owner := info.Sys().(*syscall.Stat_t)
	if mine, err := f.Stat(); err != nil {
		return cannot(err)
	} else if is := mine.Sys().(*syscall.Stat_t); is.Uid != owner.Uid || is.Gid != owner.Gid {
		if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return cannot(err)
		}
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return cannot(err)
	}
	if _, err := f.Write(text); err != nil {
		return cannot(err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return cannot(err)
	}
	e.changed = true
	return nil
}
