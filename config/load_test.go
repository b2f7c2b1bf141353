package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the complaints as they are now to testdata/config/*.want")

// examples is the folder of files with what is to be said of them.
const examples = "../testdata/config"

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// complaints returns all that is said of a file: errors or warnings.
func complaints(t *testing.T, path string) string {
	t.Helper()
	c, err := Load(path, Options{TrustFile: true, Now: now})
	var faults []Fault
	if e := (*Errors)(nil); errors.As(err, &e) {
		faults = e.Faults
	} else if err != nil {
		t.Fatal(err)
	} else {
		faults = c.Warnings
	}
	var b strings.Builder
	for _, f := range faults {
		b.WriteString(f.Render() + "\n")
	}
	return b.String()
}

// Each file of the folder is an example, and what stands beside it in NAME.want
// is all that is said of it; nothing, if it is right.
func TestComplaints(t *testing.T) {
	t.Chdir(examples)
	files, err := filepath.Glob("*.toml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			got := complaints(t, file)
			if strings.HasPrefix(file, "valid-") != (got == "") {
				t.Errorf("the name says otherwise:\n%s", got)
			}
			want := strings.TrimSuffix(file, ".toml") + ".want"
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(text) {
				t.Errorf("got:\n%s\nwant:\n%s", got, text)
			}
		})
	}
}

// A file with many faults has them told in one go, in file order.
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
