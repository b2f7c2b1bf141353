package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/runner"
)

var update = flag.Bool("update", false, "write what is said now of testdata/config to its .want files and its faults.txt")

// examples is the directory of files with what is to be said of them.
const examples = "../testdata/config"

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// faultsOf returns all that is said of a file: errors or warnings.
func faultsOf(t *testing.T, path string) []Fault {
	t.Helper()
	c, err := Load(path, Options{TrustFile: true, Now: now})
	if e := (*Errors)(nil); errors.As(err, &e) {
		return e.Faults
	} else if err != nil {
		t.Fatal(err)
	}
	return c.Warnings
}

// Each file of the directory is an example; faults.txt lists its faults: the position and
// the marked text, so that the wording of a message can change. NAME.want, for a few, is
// the complete output.
func TestFaults(t *testing.T) {
	t.Chdir(examples)
	files, err := filepath.Glob("*.toml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	var all strings.Builder
	for _, file := range files {
		faults := faultsOf(t, file)
		if strings.HasPrefix(file, "valid-") != (faults == nil) {
			t.Errorf("%s: the name says otherwise: %v", file, faults)
		}
		var looks strings.Builder
		for _, f := range faults {
			looks.WriteString(f.Render() + "\n")
			all.WriteString(file + ": " + strings.ReplaceAll(marked(f), file+":", "") + "\n")
		}
		want := strings.TrimSuffix(file, ".toml") + ".want"
		if _, err := os.Stat(want); err == nil {
			golden(t, want, looks.String())
		}
	}
	golden(t, "faults.txt", all.String())
}

// marked is where a fault is and what it marks, in one line.
func marked(f Fault) string {
	kind := "error"
	if f.Warning {
		kind = "warning"
	}
	if f.Line == 0 {
		return fmt.Sprintf("%s in %s", kind, f.File)
	}
	line := []rune(f.Text)
	from := min(f.Col-1, len(line))
	return fmt.Sprintf("%s at %s:%d:%d: %q", kind, f.File, f.Line, f.Col, string(line[from:min(from+f.Width, len(line))]))
}

// golden holds a text against a file, line by line.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	is, want := strings.Split(got, "\n"), strings.Split(string(text), "\n")
	for _, line := range is {
		if !slices.Contains(want, line) {
			t.Errorf("%s: said is, and not wanted: %s", file, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(is, line) {
			t.Errorf("%s: wanted is, and not said: %s", file, line)
		}
	}
	if !t.Failed() && got != string(text) {
		t.Errorf("%s: in another order:\n%s", file, got)
	}
}

// A file with many faults has them reported in one go, in file order.
func TestTwentyFaults(t *testing.T) {
	_, err := Load(examples+"/twenty.toml", Options{TrustFile: true, Now: now})
	e := (*Errors)(nil)
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	said := map[string]bool{}
	last := Fault{}
	for _, f := range e.Faults {
		said[f.Msg] = true
		if f.Line < last.Line || f.Line == last.Line && f.Col <= last.Col {
			t.Errorf("%v comes after %v", f, last)
		}
		last = f
	}
	if len(said) < 20 {
		t.Errorf("%d different faults", len(said))
	}
}

func BenchmarkParse(b *testing.B) {
	text := lines(10000, "[tasks.t%d]\ninterval = \"1h\"\ncommand = \"true\"\nenv = { A = \"1\" }\n")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse("jobs.toml", text, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// Strings of several lines of a file that was saved on Windows are as on Unix,
// but for what is written as an escape.
func TestLineEnds(t *testing.T) {
	c, err := Load(examples+"/crlf-block.toml", Options{TrustFile: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for task, want := range map[string]string{
		"a": "echo one\necho two\n", "b": "echo one\necho two", "c": "printf 'GET / HTTP/1.0\r\n'",
	} {
		if got := c.Tasks.Get(task).Action.(*runner.Command).Text; got != want {
			t.Errorf("%s: %q, want %q", task, got, want)
		}
	}
	same(t, "stdin", c.Tasks.Get("a").Stdin, "a\nb")
}
