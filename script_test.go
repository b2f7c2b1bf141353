package main_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"rota/internal/command"
)

var update = flag.Bool("update", false, "write what the scripts see into what they expect")

func rota() { os.Exit(command.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

func TestMain(m *testing.M) {
	// rota starts itself as a helper, and here that is this binary.
	if strings.HasPrefix(os.Args[0], "rota-") {
		rota()
	}
	testscript.Main(m, map[string]func(){"rota": rota})
}

// TestScripts runs testdata/script: each file is one behaviour, as a user would
// type it, in a directory and a home of its own. Beside the commands of package
// testscript there are
//
//	exits CODE PROGRAM [ARG…]   runs it, and fails if it ends with another code
//	waitfor FILE REGEXP         waits until the file's text matches
//	signal NAME [WORD]          sends TERM, HUP, USR1, … to the background commands
//	                            that have WORD among their arguments; all by default
//	capture NAME FILE REGEXP    waits as waitfor does, and sets the variable NAME to
//	                            what the first group matches; FILE may be stdout
//	certificate FILE NAME       sets the variable NAME to an address of this machine
//	                            for this script, and writes FILE.crt of it and FILE.key
//
// and the condition [root].
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		UpdateScripts:      *update,
		RequireUniqueNames: true,
		Setup:              surroundings,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "waitfor": waitFor, "signal": sendSignal, "capture": capture, "certificate": certificate,
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("no condition %q", name)
			}
			return os.Getuid() == 0, nil
		},
	})
}

// surroundings are the same on every machine.
func surroundings(e *testscript.Env) error {
	for name, dir := range map[string]string{
		"HOME":            "home",
		"XDG_CONFIG_HOME": "home/config",
		"XDG_STATE_HOME":  "home/state",
		"XDG_RUNTIME_DIR": "home/run",
	} {
		dir = filepath.Join(e.WorkDir, dir)
		e.Setenv(name, dir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	e.Setenv("GORACE", "atexit_sleep_ms=0") // else each rota takes a second to end
	e.Setenv("TZ", "UTC")
	e.Setenv("TERM", "xterm")
	e.Setenv("LANG", "C.UTF-8")
	return nil
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(append(args, "")[0])
	if neg || len(args) < 2 || err != nil {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG…]")
	}
	code := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE REGEXP")
	}
	awaitMatch(ts, args[0], args[1])
}

func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: capture NAME FILE REGEXP")
	}
	found := awaitMatch(ts, args[1], args[2])
	if len(found) != 2 {
		ts.Fatalf("%s needs one group", args[2])
	}
	ts.Setenv(args[0], found[1])
}

// awaitMatch waits until a file's text matches, and returns the match and its
// groups.
func awaitMatch(ts *testscript.TestScript, file, pattern string) []string {
	want, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	if file == "stdout" {
		text := ts.ReadFile(file)
		found := want.FindStringSubmatch(text)
		if found == nil {
			ts.Fatalf("stdout does not match %s:\n%s", pattern, text)
		}
		return found
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.After(2 * time.Minute)
	for {
		text, err := os.ReadFile(ts.MkAbs(file)) // it may not be there yet
		if found := want.FindStringSubmatch(string(text)); err == nil && found != nil {
			return found
		}
		select {
		case <-again.C:
		case <-late:
			ts.Fatalf("%s does not match %s:\n%s", file, pattern, text)
		}
	}
}

func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: signal NAME [WORD]")
	}
	sig := unix.SignalNum("SIG" + args[0])
	if sig == 0 {
		ts.Fatalf("no signal %s", args[0])
	}
	sent := false
	for _, c := range ts.BackgroundCmds() {
		if len(args) == 1 || slices.Contains(c.Args, args[1]) {
			ts.Check(c.Process.Signal(syscall.Signal(sig)))
			sent = true
		}
	}
	if !sent {
		ts.Fatalf("no such command in the background")
	}
}
