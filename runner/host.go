package runner

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"rota/runner/internal/process"
)

// HostProblem is something on this machine that the runs of a task would meet.
type HostProblem = process.HostProblem

// HostProblems tells what on this machine, and for the user that asks, is in the way
// of a task. It starts nothing but getent, changes nothing, and looks at files
// with the rights of the task. trusting is as Trust in [Options]. Files that may
// not answer are looked at in another process, for a few seconds: that one of them
// does not is a problem.
func HostProblems(t Task, trusting bool) []HostProblem {
	s := lookSpec{t, encodedAction{t.Action}, trusting}
	h := s.host()
	var paths []string
	if a, ok := t.Action.(interface{ files() []string }); ok {
		paths = a.files()
	}
	for _, c := range []*Command{t.OnlyIf, commandOf(t)} {
		var programs []string
		switch {
		case c == nil:
		case len(c.Argv) > 0:
			programs = c.Argv[:1]
		case c.IsScript():
			programs = interpreterOf(c.Text)[:1]
		case len(t.Shell) > 0:
			programs = []string{t.Shell[0], firstWord(t.Shell, c.Text)} // the shell looks for that one
		}
		for _, name := range programs {
			paths = append(paths, h.Candidates(name)...)
		}
	}
	if !h.Far(paths...) {
		return look(h, t)
	}
	found, err := s.lookApart()
	if err != nil {
		h.Add("", "", "its files could not be looked at: %v", err)
	}
	return append(h.Problems, found...)
}

// commandOf is the command of a task; nil: its action is another one.
func commandOf(t Task) *Command {
	c, _ := t.Action.(*Command)
	return c
}

// lookName is, as argv[0], the name of a process that looks at files.
const lookName = "rota-look"

// hostTime bounds how long another process may look at one task.
const hostTime = 3 * time.Second

// lookSpec is what that process is told.
type lookSpec struct {
	Task     Task
	Action   encodedAction
	Trusting bool
}

func (s lookSpec) host() *process.Host {
	return &process.Host{Settings: s.Task.Process, Trust: s.Trusting}
}

// sight is what it answers: first what it looks at, last what it found.
type sight struct {
	At    string        `json:",omitempty"`
	Found []HostProblem `json:",omitempty"`
	Done  bool          `json:",omitempty"`
}

// lookApart is look in a process of its own, which may be left behind: who waits
// for a file cannot always be killed.
func (s lookSpec) lookApart() ([]HostProblem, error) {
	answers, err := process.Ask(lookName, s, hostTime)
	if err != nil {
		return nil, err
	}
	defer answers.Close()
	at := "a file of it"
	for {
		var s sight
		switch err := answers.Next(&s); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return []HostProblem{{Msg: fmt.Sprintf("%s did not answer within %s", at, hostTime), Hint: "the server of a mounted file system may be away"}}, nil
		case err != nil:
			return nil, err
		case s.Done:
			return s.Found, nil
		}
		at = cmp.Or(s.At, at)
	}
}

// runLook is the other end of lookApart.
func runLook() {
	process.Answer(func(text []byte, answer func(any)) error {
		var s lookSpec
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		s.Task.Action = s.Action.Action
		h := s.host()
		h.At = func(path string) { answer(sight{At: path}) }
		answer(sight{Found: look(h, s.Task), Done: true})
		return nil
	})
}

// look finds what there is.
func look(h *process.Host, t Task) []HostProblem {
	command := commandOf(t) != nil || t.OnlyIf != nil
	if command || t.Mode == Forked || t.User != "" || t.Group != "" {
		h.Surroundings(command)
	}
	if t.OnlyIf != nil {
		lookForCommand(h, t, "only_if", t.OnlyIf)
	}
	switch a := t.Action.(type) {
	case *Command:
		lookForCommand(h, t, "command", a)
	case *Write:
		h.DirectoryOf("write.path", a.Path, a.Append)
		h.Readable("write.template_file", a.TemplateFile)
	case *HTTP:
		h.Readable("http.body_file", a.BodyFile)
		h.DirectoryOf("http.save", a.Save, false)
	case *Clean:
		h.Directory("clean.path", a.Path, unix.R_OK|unix.W_OK|unix.X_OK)
	case *Mail:
		if a.Server.Host == "" { // else the server is at fault for all mails at once
			if err := a.Server.Ready(); err != nil {
				h.Add("mail", "write [smtp], or install a mail system", "%v", err)
			}
		}
	}
	return h.Problems
}

// lookForCommand looks for the program of a command that a key names.
func lookForCommand(h *process.Host, t Task, key string, c *Command) {
	if c.Argv != nil {
		h.Program(key, c.Argv[0])
		return
	}
	if c.IsScript() {
		h.Program(key, interpreterOf(c.Text)[0])
		return
	}
	before := len(h.Problems)
	if h.Program("shell", t.Shell[0]); len(h.Problems) > before {
		return
	}
	word := firstWord(t.Shell, c.Text)
	if word == "" {
		return
	}
	if h.Program(key, word); len(h.Problems) > before {
		h.Problems[before].Doubt = true // it is the shell that knows
	}
}
