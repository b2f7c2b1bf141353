package runlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// The limit and the number of dropped bytes refer to what the task wrote, whatever its
// lines are like.
func TestOutputKeepsHeadAndTail(t *testing.T) {
	numbered := func(i int) string { return fmt.Sprintf("line %d\n", i) }
	for name, test := range map[string]struct {
		line  func(i int) string
		lines int
		mask  string
	}{
		"numbered":   {numbered, 100_000, ""},
		"short":      {func(int) string { return "y\n" }, 200_000, ""},
		"empty":      {func(int) string { return "\n" }, 100_000, ""},
		"long":       {func(i int) string { return fmt.Sprintf("%05000d\n", i) }, 1000, ""},
		"no line":    {func(int) string { return strings.Repeat("x", 1000) }, 3000, ""},
		"masked":     {func(int) string { return "a long secret value\n" }, 100_000, "a long secret value"},
		"masked, up": {func(int) string { return "ab\n" }, 100_000, "ab"},
		"unfinished": {func(i int) string { return fmt.Sprintf("\n%d", i) }, 100_000, ""},
	} {
		path := filepath.Join(t.TempDir(), "logs", "t", "k.1.log")
		limit := 64 << 10
		if name == "no line" {
			limit = 1 << 20 // it comes in pieces of 64 KiB
		}
		o := NewOutput(path, int64(limit), nil)
		if test.mask != "" {
			o.Mask([]string{test.mask})
		}
		var all strings.Builder
		for i := range test.lines {
			all.WriteString(test.line(i))
		}
		for piece := range slices.Chunk([]byte(all.String()), 32<<10) { // as they come from the pipe
			o.Write(piece)
		}
		o.Close()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		notes := regexp.MustCompile(`(?m)^\S+ \[rota\] (\d+) bytes of output dropped here\n`).FindAllSubmatchIndex(text, -1)
		if len(notes) != 1 {
			t.Errorf("%s: %d notes that output was dropped, want one", name, len(notes))
			continue
		}
		at := notes[0]
		dropped, err := strconv.Atoi(string(text[at[2]:at[3]]))
		if err != nil {
			t.Fatal(err)
		}
		head, tail := unstamp(string(text[:at[0]])), unstamp(string(text[at[1]:]))
		if test.mask != "" {
			head, tail = strings.ReplaceAll(head, "***", test.mask), strings.ReplaceAll(tail, "***", test.mask)
		}
		if name == "no line" { // the ends of its lines are none of the task's
			head, tail = strings.ReplaceAll(head, "\n", ""), strings.ReplaceAll(tail, "\n", "")
		}
		if !strings.HasSuffix(all.String(), "\n") {
			tail = strings.TrimSuffix(tail, "\n")
		}
		kept := len(head) + len(tail)
		if kept > limit || kept < limit/2 {
			t.Errorf("%s: %d bytes are kept of a limit of %d", name, kept, limit)
		}
		if kept+dropped != all.Len() {
			t.Errorf("%s: %d bytes kept and %d dropped are not the %d written", name, kept, dropped, all.Len())
		}
		if !strings.HasPrefix(all.String(), head) || !strings.HasSuffix(all.String(), tail) || tail == "" {
			t.Errorf("%s: kept %.50q …, %.50q …, which are not the head and the tail", name, head, tail)
		}
		if left, _ := filepath.Glob(path + ".*"); left != nil {
			t.Errorf("%s: left beside the log: %v", name, left)
		}
	}
}

func TestOutputNeverExceedsItsBound(t *testing.T) {
	for _, limit := range []int64{0, 100, 4 << 10, 200 << 10} {
		dir := t.TempDir()
		o := NewOutput(filepath.Join(dir, "k.log"), limit, nil)
		for i := range 2000 {
			o.Write(bytes.Repeat([]byte("x"), i))
			if i%3 == 0 {
				o.Write([]byte("\n"))
			}
			var size int64
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if text, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
					size += int64(strings.Count(string(text), "x"))
				}
			}
			if size > limit {
				t.Fatalf("limit %d: %d bytes on the disk after %d writes", limit, size, i)
			}
		}
		o.Close()
	}
}

// A line that is too long for what is left of the bound keeps its beginning, marked.
func TestOutputCutsLongLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.log")
	o := NewOutput(path, 4<<10, nil)
	for range 30 {
		fmt.Fprintln(o, strings.Repeat("h", 99))
	}
	fmt.Fprintln(o, "BEGIN"+strings.Repeat("é", 2000)+"END")
	fmt.Fprintln(o, "last")
	o.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{" BEGINé", "é" + cutMark + "\n", " last\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in the log", want)
		}
	}
	if strings.Contains(string(text), "END") || !utf8.Valid(text) || strings.Count(unstamp(string(text)), "é") > 512 {
		t.Errorf("the log is not cut right: %d bytes", len(text))
	}
}

func TestOutputMakesNoFileForNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.log")
	for _, said := range []string{"", "a line\n"} {
		o := NewOutput(path, NoRoom, nil)
		fmt.Fprint(o, said)
		o.Close()
		if err := o.Failed(); (err != nil) != (said != "") {
			t.Errorf("without room, of %q: %v", said, err)
		}
	}
	NewOutput(path, 1<<20, nil).Close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a silent run has a log: %v", err)
	}
}

// However the output is cut into pieces, its lines come whole and without
// secrets.
func TestOutputMasksSecretsInAnyPieces(t *testing.T) {
	secret, key := "s3cret-value", "-----BEGIN KEY-----\nabcdef\nghijkl\n"
	text := "one s3cret-value two\n" + strings.Repeat("padding ", 8190) + "s3cret-value" + strings.Repeat(" padding", 9000) + "\nkey:\n" + key + "\nlast s3cret-value"
	want := strings.ReplaceAll(text, secret, "***")
	for line := range strings.Lines(key) {
		want = strings.ReplaceAll(want, strings.TrimSpace(line), "***")
	}
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		var got strings.Builder
		path := filepath.Join(t.TempDir(), "k.log")
		o := NewOutput(path, 1<<20, func(line []byte) { got.Write(line); got.WriteByte('\n') })
		o.Mask([]string{secret, key, ""})
		for rest := []byte(text); len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(40<<10))
			o.Write(rest[:n])
			rest = rest[n:]
		}
		o.Close()
		// A line longer than 64 KiB is cut, which the comparison overlooks.
		if flat := func(s string) string { return strings.ReplaceAll(s, "\n", "") }; flat(got.String()) != flat(want) {
			t.Fatalf("seed %d: the lines are not those written, masked", seed)
		}
		kept, _ := os.ReadFile(path)
		if bytes.Contains(kept, []byte(secret)) || bytes.Contains(kept, []byte("abcdef")) || strings.Contains(o.Tail(), secret) {
			t.Fatalf("seed %d: a secret came through", seed)
		}
	}
}

// One secret may be part of another, and neither may show, nor what is left of
// the longer one.
func TestOutputMasksOverlappingSecrets(t *testing.T) {
	for _, secrets := range [][]string{{"pass", "password123"}, {"password123", "pass"}} {
		var got []string
		o := NewOutput("", 0, func(line []byte) { got = append(got, string(line)) })
		o.Mask(secrets)
		o.Write([]byte("a password123 b\nc pass d\nx=password123"))
		o.Close()
		if want := []string{"a *** b", "c *** d", "x=***"}; !slices.Equal(got, want) || strings.Contains(o.Tail(), "word") {
			t.Errorf("got %q and the tail %q, want %q", got, o.Tail(), want)
		}
	}
}

func TestOutputTail(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"one\ntwo\n", "one\ntwo"},
		{"no line end", "no line end"},
		{strings.Repeat("x", 10000) + "\n", strings.Repeat("x", tailBytes)},
		{strings.Repeat("some line\n", 1000), strings.TrimSpace(strings.Repeat("some line\n", tailBytes/10))},
		{"bad \xff byte", "bad \uFFFD byte"},
	} {
		o := NewOutput("", 0, nil)
		o.Write([]byte(c.text))
		o.Close()
		if got := o.Tail(); got != c.want {
			t.Errorf("tail of %.20q: %d bytes %.40q, want %d bytes %.40q", c.text, len(got), got, len(c.want), c.want)
		}
	}
}

// The kept parts of before a crash are joined afterwards.
func TestJoinLogAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "[k]*.log")
	write(t, path, "head\n")
	write(t, path+".8", "gone\n")
	write(t, path+".9", "tail 1\n")
	write(t, path+".10", "tail 2\n")
	if err := joinLog(path, -1); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	if !regexp.MustCompile(`^head\n\S+ \[rota\] some output dropped here\ntail 1\ntail 2\n$`).Match(text) {
		t.Errorf("got %q", text)
	}
}

// unstamp takes the time off each line of a log.
func unstamp(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(line, " ")
		b.WriteString(rest)
	}
	return b.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkOutput(b *testing.B) {
	line := []byte(strings.Repeat("x", 79) + "\n")
	chunk := bytes.Repeat(line, 400)
	o := NewOutput(filepath.Join(b.TempDir(), "k.log"), 1<<20, nil)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		o.Write(chunk)
	}
	o.Close()
}

// A state directory that was removed, as by a purge of the package, is not made anew
// by a forked run that has outlived it.
func TestOutputMakesNoStateDir(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	path := filepath.Join(state, "logs", "t", "k.1.log")
	o := NewOutput(path, 1<<10, nil)
	o.Write([]byte("nowhere\n"))
	o.Close()
	if _, err := os.Stat(state); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the output of a run has made the state directory: %v", err)
	}
}
