// Report turns the output of go test -json into what a person wants to read:
// go test's line for each package, and all that a failed test said. It adds
// the tests that were skipped, with their reasons, to the file SKIPPED, and what is to
// be run once more to the file AGAIN: a line "PACKAGE TEST" for each test that failed, or
// "PACKAGE ." where it ended all others. It exits with 1 if a test failed or there was
// none, and with 3 if that is final: of a data race, or of more failures than the
// machine can be blamed for.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action  string
	Package string
	Test    string // "": the package as a whole
	Output  string
}

// report is what is known of the tests that have not ended.
type report struct {
	out     io.Writer
	said    map[event][]string // by package and test
	skips   []string
	again   map[string][]string // the tests that failed, by package; ".": all of it
	results int
	failed  bool
	raced   bool // a data race was found
}

// againMax is how many failures of one run may be those of a slow machine.
const againMax = 5

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ./... | report SKIPPED AGAIN")
		os.Exit(2)
	}
	r := report{out: os.Stdout, said: map[event][]string{}, again: map[string][]string{}}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if err != nil {
			break
		}
	}
	again := r.failures()
	if err := errors.Join(appendTo(os.Args[1], r.skips), appendTo(os.Args[2], again)); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	switch {
	case r.raced, r.failed && (len(again) == 0 || len(again) > againMax):
		os.Exit(3)
	case r.failed || r.results == 0:
		os.Exit(1)
	}
}

// failures are the lines of what is to be run once more.
func (r *report) failures() (lines []string) {
	for _, pkg := range slices.Sorted(maps.Keys(r.again)) {
		tests := r.again[pkg]
		if slices.Contains(tests, ".") {
			tests = []string{"."}
		}
		for _, test := range tests {
			lines = append(lines, pkg+" "+test)
		}
	}
	return lines
}

// line takes in one line of go test's output.
func (r *report) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil { // what the go command itself says
		r.out.Write(line)
		return
	}
	key := event{Package: e.Package, Test: e.Test}
	switch e.Action {
	case "output":
		if e.Test != "" {
			r.said[key] = append(r.said[key], e.Output)
		} else if e.Output != "PASS\n" {
			fmt.Fprint(r.out, e.Output)
		}
		r.raced = r.raced || strings.Contains(e.Output, "WARNING: DATA RACE")
		if strings.HasPrefix(e.Output, "panic: ") { // the tests behind it did not run
			r.again[e.Package] = append(r.again[e.Package], ".")
		}
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "fail":
		r.failed = true
		if e.Test != "" && !strings.Contains(e.Test, "/") {
			r.again[e.Package] = append(r.again[e.Package], e.Test)
		}
		r.tell(func(k event) bool { return k == key || e.Test == "" && k.Package == e.Package })
	case "skip":
		if e.Test != "" {
			r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(r.said[key])))
		}
		delete(r.said, key)
	case "pass":
		delete(r.said, key)
	}
	if e.Test == "" && slices.Contains([]string{"pass", "fail", "skip"}, e.Action) {
		r.results++
	}
}

// tell prints all that the selected tests have said, and forgets it.
func (r *report) tell(of func(event) bool) {
	var keys []event
	for k := range r.said {
		if of(k) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b event) int { return strings.Compare(a.Test, b.Test) })
	for _, k := range keys {
		fmt.Fprint(r.out, strings.Join(r.said[k], ""))
		delete(r.said, k)
	}
}

// reason is what a skipped test said, on one line.
func reason(said []string) string {
	var words []string
	for _, line := range said {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}

func appendTo(path string, lines []string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	for _, line := range lines {
		fmt.Fprintln(f, line)
	}
	return f.Close()
}
