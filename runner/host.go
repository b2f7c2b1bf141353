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

// HostProblem is something on this machine that may keep the runs of a task from working.
type HostProblem = process.HostProblem

// HostProblems returns the problems of a task on this machine, for the current user. It
// starts nothing but getent, changes nothing, and accesses files with the rights of the
// task. trusting is as Trust in [Options]. Files that may hang are checked in another
// process, for a few seconds: that one of them hangs is a problem.
func HostProblems(t Task, trusting bool) []HostProblem {
	s := probeSpec{t, encodedAction{t.Action}, trusting}
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
			programs = []string{t.Shell[0], firstWord(t.Shell, c.Text)} // the shell looks for this program
		}
		for _, name := range programs {
			paths = append(paths, h.Candidates(name)...)
		}
	}
	if !h.MayHang(paths...) {
		return probe(h, t)
	}
	found, err := s.inProcess()
	if err != nil {
		h.Add("", "", "its files could not be checked: %v", err)
	}
	return append(h.Problems, found...)
}

// commandOf is the command of a task; nil: its action is another one.
func commandOf(t Task) *Command {
	c, _ := t.Action.(*Command)
	return c
}

// probeName is the argv[0] of a process that checks files.
const probeName = "rota-look"

// probeTime bounds how long that process may take for one task.
const probeTime = 3 * time.Second

// probeSpec is the request to that process.
type probeSpec struct {
	Task     Task
	Action   encodedAction
	Trusting bool
}

func (s probeSpec) host() *process.Host {
	return &process.Host{Settings: s.Task.Process, Trust: s.Trusting}
}

// probeReply is an answer of it: first the paths as they are checked, last the problems.
type probeReply struct {
	At    string        `json:",omitempty"`
	Found []HostProblem `json:",omitempty"`
	Done  bool          `json:",omitempty"`
}

// inProcess is probe in another process, which may be left behind: a process that waits
// for a file cannot always be killed.
func (s probeSpec) inProcess() ([]HostProblem, error) {
	answers, err := process.Query(probeName, s, probeTime)
	if err != nil {
		return nil, err
	}
	defer answers.Close()
	at := "a file of it"
	for {
		var s probeReply
		switch err := answers.Next(&s); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return []HostProblem{{Msg: fmt.Sprintf("%s did not answer within %s", at, probeTime), Hint: "the server of a mounted file system may be down"}}, nil
		case err != nil:
			return nil, err
		case s.Done:
			return s.Found, nil
		}
		at = cmp.Or(s.At, at)
	}
}

// runProbe is what that process runs.
func runProbe() {
	process.Reply(func(text []byte, answer func(any)) error {
		var s probeSpec
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		s.Task.Action = s.Action.Action
		h := s.host()
		h.At = func(path string) { answer(probeReply{At: path}) }
		answer(probeReply{Found: probe(h, s.Task), Done: true})
		return nil
	})
}

// probe returns the problems.
func probe(h *process.Host, t Task) []HostProblem {
	command := commandOf(t) != nil || t.OnlyIf != nil
	if command || t.Mode == Forked || t.User != "" || t.Group != "" {
		h.Surroundings(command)
	}
	if t.OnlyIf != nil {
		probeCommand(h, t, "only_if", t.OnlyIf)
	}
	switch a := t.Action.(type) {
	case *Command:
		probeCommand(h, t, "command", a)
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

// probeCommand checks the program of a command that a key names.
func probeCommand(h *process.Host, t Task, key string, c *Command) {
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
		h.Problems[before].Doubt = true // only the shell knows
	}
}
