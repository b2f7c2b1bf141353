package command

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"rota/internal/runlog"
)

func TestEachLine(t *testing.T) {
	at := time.Date(2026, 11, 22, 2, 30, 0, 123e6, time.UTC)
	const stamp = "2026-11-22T02:30:00.123Z"
	long := strings.Repeat("x", maxPiece)
	for _, test := range []struct {
		name, text string
		want       []outputLine
	}{
		{"nothing", "", nil},
		{"two lines", stamp + " one\n" + stamp + " two\n", []outputLine{{at: at, text: "one", last: true}, {at: at, text: "two", last: true}}},
		{"an empty line", stamp + " \n", []outputLine{{at: at, last: true}}},
		{"no end", stamp + " one", []outputLine{{at: at, text: "one", last: true}}},
		{"no stamp", "one\n\n", []outputLine{{text: "one", last: true}, {last: true}}},
		{"not quite a stamp", "2026-13-22T02:30:00.123Z one\n" + stamp + "\n", []outputLine{{text: "2026-13-22T02:30:00.123Z one", last: true}, {text: stamp, last: true}}},
		{"a stamp of the task's own", stamp + " " + stamp + " one\n", []outputLine{{at: at, text: stamp + " one", last: true}}},
		{"a very long line", stamp + " " + long + "y\nz\n", []outputLine{
			{at: at, text: long[:maxPiece-len(stamp)-1]},
			{text: strings.Repeat("x", len(stamp)+1) + "y", continued: true, last: true},
			{text: "z", last: true},
		}},
	} {
		var got []outputLine
		err := eachLine(iotest.HalfReader(strings.NewReader(test.text)), true, func(l outputLine) error {
			got = append(got, l)
			return nil
		})
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %+v, %v, want %+v", test.name, got, err, test.want)
		}
	}
}

func TestEachLineTellsWhatBroke(t *testing.T) {
	broken := errors.New("broken")
	seen := 0
	count := func(outputLine) error { seen++; return nil }
	if err := eachLine(io.MultiReader(strings.NewReader("one\ntwo"), iotest.ErrReader(broken)), true, count); !errors.Is(err, broken) || seen != 2 {
		t.Errorf("%v after %d lines, want what broke after 2", err, seen)
	}
	if err := eachLine(strings.NewReader("one\ntwo\n"), true, func(outputLine) error { return broken }); err != broken {
		t.Errorf("%v, want what the printer says", err)
	}
}

func FuzzEachLine(f *testing.F) {
	for _, seed := range []string{"", "one\ntwo\n", "2026-11-22T02:30:00.123Z one\n", "\n\n", "no end", "0000-01-01T00:00:00,000Z x", "0001-01-01T00:00:00.000Z x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b strings.Builder
		if err := eachLine(strings.NewReader(text), true, func(l outputLine) error {
			if !l.at.IsZero() {
				b.WriteString(l.at.Format(runlog.Stamp) + " ")
			}
			b.WriteString(l.text)
			if l.last {
				b.WriteString("\n")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); got != text && got != text+"\n" {
			t.Errorf("%q became %q", text, got)
		}
	})
}
