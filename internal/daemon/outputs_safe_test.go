package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/lmittmann/tint"

	"rota/internal/escape"
)

// No log record controls the terminal, and text that needs no escape is unchanged.
func TestLogOnATerminal(t *testing.T) {
	const evil = "\x1b[2J\u009b31m\u202egnp\u2066\u3164\n\x07" + `\x1b]0;title\x07`
	type word string
	for _, color := range []bool{true, false} {
		var b bytes.Buffer
		log := slog.New(terminalHandler{tint.NewTextHandler(&b, &tint.Options{NoColor: !color})})
		for _, value := range []any{
			evil, word(evil), errors.New(evil), []byte(evil), []string{evil}, struct{ A string }{evil}, map[string]string{evil: evil},
			slog.GroupValue(slog.String(evil, evil), slog.Any("e", errors.New(evil))), (*netip.Addr)(nil), nil,
		} {
			b.Reset()
			log.With("with", value).WithGroup("g").Error(evil, "key", value, evil, value)
			text := strings.TrimSuffix(b.String(), "\n")
			for _, color := range []string{"\x1b[2m", "\x1b[22m", "\x1b[0m", "\x1b[91m", "\x1b[92m", "\x1b[93m"} {
				text = strings.ReplaceAll(text, color, "")
			}
			if escape.Line(text) != text {
				t.Errorf("of a %T: %q", value, text)
			}
		}
		b.Reset()
		log.Info("ok", "task", "backup", "why", "two words", "who", "עברית", "output", "a\nb")
		if text := b.String(); !color && !strings.Contains(text, `INF ok task=backup why="two words" who=עברית output="a\nb"`) {
			t.Errorf("got %s", text)
		}
	}
}

// JSON says what it said, in characters that steer nothing.
func TestLogAsJSON(t *testing.T) {
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(jsonWriter{&b}, nil)).Info("\u202e", "a", "\u009b\x1b", "n", 1, "list", []string{"x"})
	if text := b.String(); !strings.Contains(text, `"msg":"\u202e","a":"\u009b\u001b","n":1,"list":["x"]}`) {
		t.Errorf("got %s", text)
	}
}
