package daemon

import (
	"context"
	"encoding"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"rota/internal/escape"
)

// terminalHandler escapes records so that nothing in them controls the terminal that the
// next handler writes to. That is the handler of tint: it quotes a text, and then replaces
// each \x1b in the quoted text by a real ESC; it does not change values of type []byte.
type terminalHandler struct{ slog.Handler }

func (h terminalHandler) Handle(ctx context.Context, r slog.Record) error {
	safe := slog.NewRecord(r.Time, r.Level, escape.Line(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		safe.AddAttrs(safeAttr(a))
		return true
	})
	return h.Handler.Handle(ctx, safe)
}

func (h terminalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return terminalHandler{h.Handler.WithAttrs(safeAttrs(attrs))}
}

func (h terminalHandler) WithGroup(name string) slog.Handler {
	return terminalHandler{h.Handler.WithGroup(escape.Line(name))}
}

func safeAttrs(attrs []slog.Attr) []slog.Attr {
	safe := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		safe[i] = safeAttr(a)
	}
	return safe
}

func safeAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		v = slog.GroupValue(safeAttrs(v.Group())...)
	case slog.KindString:
		v = safeValue(v.String())
	case slog.KindAny:
		v = safeValue(textOf(v.Any()))
	}
	return slog.Attr{Key: escape.Line(a.Key), Value: v}
}

// safeValue returns a text as a string if it needs no escapes, else as bytes.
func safeValue(text string) slog.Value {
	quoted := strconv.Quote(text)
	switch {
	case quoted == `"`+text+`"` && escape.Line(text) == text:
		return slog.StringValue(text)
	case escape.Line(quoted) != quoted: // quoting keeps some invisible characters
		text = escape.Line(text)
	}
	return slog.AnyValue([]byte(text))
}

// textOf returns a value as package slog prints it.
func textOf(v any) (text string) {
	defer func() {
		if p := recover(); p != nil { // a nil pointer with a method that needs more
			text = fmt.Sprintf("!PANIC: %v", p)
		}
	}()
	switch v := v.(type) {
	case []byte:
		return string(v)
	case error:
		return v.Error()
	case encoding.TextMarshaler:
		if b, err := v.MarshalText(); err == nil {
			return string(b)
		}
	}
	return fmt.Sprintf("%+v", v)
}

// jsonWriter escapes JSON that may be read on a terminal.
type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(p []byte) (int, error) {
	if _, err := j.w.Write(escape.JSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
