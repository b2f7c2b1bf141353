package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// how is the way in which a task runs its program.
type how int

const (
	direct  how = iota // as the child of the scheduler
	byShell            // by sh -c
	forked             // in a session that outlives the scheduler
)

// tasks is what a scheduler is to do: the same command many times, at the times that a
// cron expression with seconds tells.
type tasks struct {
	n    int
	cron func(i int) string
	how  how
	more bool // one more, each second
	// Three more that are never due, for requests.
	asked bool
}

// scheduler is a program that starts others at their times.
type scheduler struct {
	name, path string
	// write makes the file of tasks in a directory and returns the arguments of the program.
	write   func(dir, stamp string, t tasks) ([]string, error)
	isRota  bool
	watches bool // it reads the file again by itself; else SIGUSR2 tells it to
}

// rota is a build of rota.
func rota(name, path string) scheduler {
	return scheduler{
		name: name, path: path, isRota: true, watches: true,
		write: func(dir, stamp string, t tasks) ([]string, error) {
			var b strings.Builder
			b.WriteString("[rota]\nstate_dir = \"state\"\ntimezone = \"UTC\"\n")
			for i := range t.n {
				fmt.Fprintf(&b, "[tasks.t%d]\ncron = %q\n", i, t.cron(i))
				switch t.how {
				case forked:
					fmt.Fprintf(&b, "mode = \"forked\"\ncommand = [%q]\n", stamp)
				case byShell:
					fmt.Fprintf(&b, "command = %q\n", stamp)
				default:
					fmt.Fprintf(&b, "command = [%q]\n", stamp)
				}
			}
			if t.more {
				fmt.Fprintf(&b, "[tasks.more]\ncron = \"* * * * * *\"\ncommand = [%q]\n", stamp)
			}
			if t.asked {
				b.WriteString("[tasks.later]\nlog = \"x\"\n[tasks.held]\nlog = \"x\"\n[tasks.says]\ncommand = [\"echo\", \"x\"]\n")
			}
			file := filepath.Join(dir, "jobs.toml")
			return []string{"daemon", "--config", file}, os.WriteFile(file, []byte(b.String()), 0o600)
		},
	}
}

// cron is supercronic. It has a shell for each command; that is our program itself where
// none is wanted.
func cron(name, path string, flags ...string) scheduler {
	return scheduler{
		name: name, path: path,
		write: func(dir, stamp string, t tasks) ([]string, error) {
			var b strings.Builder
			shell := "/bin/sh"
			if t.how == direct {
				shell = stamp
			}
			fmt.Fprintf(&b, "SHELL=%s\n", shell)
			for i := range t.n {
				fmt.Fprintf(&b, "%s * %s\n", t.cron(i), stamp) // the year is last
			}
			if t.more {
				fmt.Fprintf(&b, "* * * * * * * %s\n", stamp)
			}
			file := filepath.Join(dir, "crontab")
			return append(flags, file), os.WriteFile(file, []byte(b.String()), 0o600)
		},
	}
}

func isRota(s scheduler) bool { return s.isRota }

// isThis reports whether it is the build of this checkout.
func isThis(s scheduler) bool { return s.name == "rota" }
