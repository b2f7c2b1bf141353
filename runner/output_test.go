package runner

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
	"strings"
	"testing"
)

func TestOutputKeepsHeadAndTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "t", "k.1.log")
	o := NewOutput(path, 64<<10, nil)
	for i := range 100_000 {
		fmt.Fprintf(o, "line %d\n", i)
	}
	o.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The note on what was dropped comes on top.
	if len(text) > 64<<10+100 || len(text) < 40<<10 {
		t.Errorf("%d bytes are kept of a limit of 65536", len(text))
	}
	lines := strings.Split(strings.TrimSpace(unstamp(string(text))), "\n")
	if lines[0] != "line 0" || lines[len(lines)-1] != "line 99999" {
		t.Errorf("kept %q … %q, want the first and the last line", lines[0], lines[len(lines)-1])
	}
	note := regexp.MustCompile(`\[rota\] (\d+) bytes of output dropped here`).FindStringSubmatch(string(text))
	if note == nil {
		t.Fatal("nothing tells that output was dropped")
	}
	var dropped, total int
	fmt.Sscan(note[1], &dropped)
	for i := range 100_000 {
		total += len(fmt.Sprintf("2006-01-02T15:04:05.000Z line %d\n", i))
	}
	if kept := len(text) - len(logStamp) - 1 - len(note[0]) - 1; kept+dropped != total {
		t.Errorf("%d bytes kept and %d dropped are not the %d written", kept, dropped, total)
	}
	if left, _ := filepath.Glob(path + ".*"); left != nil {
		t.Errorf("left beside the log: %v", left)
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
				if info, err := e.Info(); err == nil {
					size += info.Size()
				}
			}
			if size > limit {
				t.Fatalf("limit %d: %d bytes on the disk after %d writes", limit, size, i)
			}
		}
		o.Close()
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

// What was kept before a crash is put together afterwards.
func TestJoinLogAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "[k]*.log")
	write(t, path, "head\n", 0o600)
	write(t, path+".8", "gone\n", 0o600)
	write(t, path+".9", "tail 1\n", 0o600)
	write(t, path+".10", "tail 2\n", 0o600)
	if err := joinLog(path, -1); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	if !regexp.MustCompile(`^head\n\S+ \[rota\] some output dropped here\ntail 1\ntail 2\n$`).Match(text) {
		t.Errorf("got %q", text)
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
