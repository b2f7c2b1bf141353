package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// journalIsStderr reports whether the log goes to the journal of systemd, so that it
// can have entries with fields instead of lines.
func journalIsStderr(stderr *os.File) bool {
	if stderr == nil || int(stderr.Fd()) != 2 {
		return false
	}
	is, err := journal.StderrIsJournalStream()
	return err == nil && is && journal.Enabled()
}

// entry is an entry of the journal, as it is buffered in a feed.
type entry struct {
	Message  string
	Priority journal.Priority
	Fields   map[string]string
}

// journalHandler writes log records as entries of the journal. Task and run are fields, for
// searches: journalctl -u rota TASK=backup.
type journalHandler struct {
	to    io.Writer
	level slog.Leveler
	attrs []slog.Attr // of the logger
}

func (h journalHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	e := entry{Priority: priority(r.Level), Fields: map[string]string{"SYSLOG_IDENTIFIER": "rota"}}
	// The journal knows time and priority, so they are not in the message.
	rest := slog.NewRecord(r.Time, r.Level, "", 0)
	take := func(a slog.Attr) bool {
		if a.Key == "task" || a.Key == "run" {
			e.Fields[strings.ToUpper(a.Key)] = a.Value.String()
		}
		rest.AddAttrs(a)
		return true
	}
	for _, a := range h.attrs {
		take(a)
	}
	r.Attrs(take)
	var line bytes.Buffer
	text := slog.NewTextHandler(&line, &slog.HandlerOptions{Level: h.level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}})
	if err := text.Handle(ctx, rest); err != nil {
		return err
	}
	e.Message = strings.TrimSpace(r.Message + " " + line.String())
	piece, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = h.to.Write(piece)
	return err
}

func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return h
}

// WithGroup does nothing: fields have no groups.
func (h journalHandler) WithGroup(string) slog.Handler { return h }

func priority(l slog.Level) journal.Priority {
	switch {
	case l >= slog.LevelError:
		return journal.PriErr
	case l >= slog.LevelWarn:
		return journal.PriWarning
	case l >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}

// journalOrLines writes each entry to the journal or, if that fails, as a line.
type journalOrLines struct{ lines io.Writer }

func (w journalOrLines) Write(piece []byte) (int, error) {
	var e entry
	if err := json.Unmarshal(piece, &e); err != nil { // the note of a feed about dropped lines
		e = entry{strings.TrimSpace(string(piece)), journal.PriWarning, nil}
	}
	if journal.Send(e.Message, e.Priority, e.Fields) != nil {
		fmt.Fprintln(w.lines, e.Message)
	}
	return len(piece), nil
}
