package daemon

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/sys/unix"

	"rota/config"
	"rota/internal/engine"
	"rota/internal/escape"
	"rota/runner"
)

// outputs writes everything that the daemon prints: its log on stderr and, if configured,
// the output of tasks on stdout. It follows changes of the file.
type outputs struct {
	options Options
	log     *slog.Logger
	level   slog.LevelVar
	pretty  atomic.Bool // the log is for a person
	mode    atomic.Value
	inForce atomic.Pointer[config.Config]
	swap    switchHandler

	stdout, stderr *feed
	journal        *feed // instead of stderr, if that is the journal
}

func newOutputs(o Options) *outputs {
	out := &outputs{options: o, stdout: newFeed(o.Stdout), stderr: newFeed(o.Stderr)}
	if journalIsStderr(o.Stderr) {
		out.journal = newFeed(journalOrLines{o.Stderr})
	}
	out.mode.Store("none")
	out.log = slog.New(&out.swap)
	out.format("auto")
	return out
}

// close writes the buffered output.
func (out *outputs) close() {
	out.stdout.close()
	out.stderr.close()
	if out.journal != nil {
		out.journal.close()
	}
}

// configure applies a configuration that comes into force.
func (out *outputs) configure(c *config.Config) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cmp.Or(out.options.LogLevel, c.Rota.LogLevel, "info"))); err == nil {
		out.level.Set(level)
	}
	out.format(c.Rota.LogFormat)
	mode := cmp.Or(out.options.Output, c.Rota.Output)
	if mode == "" {
		switch {
		case isTerminal(out.options.Stdout): // raw output must not go to a terminal
			mode = "prefix"
		case inContainer():
			mode = "raw"
		default:
			mode = "none"
		}
	}
	out.mode.Store(mode)
	out.inForce.Store(c)
}

// capacity returns how many runs may wait in a queue; 0: no limit.
func (out *outputs) capacity(queue string) int { return out.inForce.Load().Queues[queue].Capacity }

// userOf returns the user that a run starts as.
func (out *outputs) userOf(run runner.Run) string { return engine.UserOf(out.inForce.Load(), run) }

// format sets the handler of the log: for a person on a terminal, entries of the
// journal, else key=value lines or JSON.
func (out *outputs) format(format string) {
	auto := format == "" || format == "auto"
	pretty := auto && isTerminal(out.options.Stderr)
	out.pretty.Store(pretty)
	var h slog.Handler
	switch {
	case pretty:
		h = terminalHandler{tint.NewTextHandler(out.stderr, &tint.Options{Level: &out.level, TimeFormat: time.TimeOnly, NoColor: !out.color()})}
	case auto && out.journal != nil:
		h = journalHandler{to: out.journal, level: &out.level}
	case format == "json":
		h = slog.NewJSONHandler(jsonWriter{out.stderr}, &slog.HandlerOptions{Level: &out.level})
	default:
		h = slog.NewTextHandler(out.stderr, &slog.HandlerOptions{Level: &out.level})
	}
	out.swap.now.Store(&h)
}

// color reports whether the log may be coloured.
func (out *outputs) color() bool {
	switch out.options.Color {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// logFaults logs the faults of a file: for a person with every line and caret, for a machine
// on one line, without the lines of the file, which may hold secrets and would stay in the
// log.
func (out *outputs) logFaults(err error, msg string) {
	var faults *config.Errors
	if !errors.As(err, &faults) {
		out.log.Error(msg, "error", err)
		return
	}
	if !out.pretty.Load() {
		out.log.Error(msg, "faults", len(faults.Faults), "complaint", err.Error())
		return
	}
	out.log.Error(msg, "faults", len(faults.Faults))
	fmt.Fprintln(out.stderr, config.Describe(err))
}

// echo prints one line of a task's output.
func (out *outputs) echo(run runner.Run, line []byte) {
	var b bytes.Buffer
	switch out.mode.Load() {
	case "raw":
		b.Write(line)
	case "prefix":
		fmt.Fprintf(&b, "%s | %s", run.Task, escape.Lines(string(line)))
	case "json":
		text, _ := json.Marshal(map[string]any{"time": time.Now(), "task": run.Task, "run": run.ID, "line": string(bytes.ToValidUTF8(line, []byte("\uFFFD")))})
		b.Write(escape.JSON(text))
	default:
		return
	}
	b.WriteByte('\n')
	_, _ = out.stdout.Write(b.Bytes())
}

// logAction logs the message of an action log, unless the output of tasks is printed anyway.
func (out *outputs) logAction(run runner.Run, level, text string) {
	var l slog.Level
	_ = l.UnmarshalText([]byte(cmp.Or(level, "info"))) // checked when the file was read
	if out.mode.Load() == "none" {
		out.log.Log(context.Background(), l, "log", "task", run.Task, "text", text)
	}
}

// record logs a change of a run: its start, its end, or why it did not start.
func (out *outputs) record(r runner.Run) {
	attrs := []any{"task", r.Task}
	add := func(key string, v any, given bool) {
		if given {
			attrs = append(attrs, key, v)
		}
	}
	add("run", r.ID, true)
	add("slots", r.Count, r.Count > 1)
	add("cause", r.Cause, r.State == runner.Running && r.Cause != runner.CauseSchedule)
	add("why", r.Why, r.Why != "")
	add("by", r.By, r.By != "")
	add("took", took(r), !r.Started.IsZero() && !r.Finished.IsZero())
	// Only if neither why nor the echo of the output has it already.
	add("output", r.Error, r.Error != "" && r.Outcome != runner.OK && out.mode.Load() == "none" && !strings.HasSuffix(r.Why, r.Error))
	level := slog.LevelInfo
	switch {
	case r.Outcome.IsFailure():
		level = slog.LevelError
	case r.Outcome == runner.Skipped && r.Reason.Code == runner.ReasonHeld:
		level = slog.LevelDebug // the hold was logged; each of its slots would be too much
	case r.Outcome == runner.Skipped, r.Outcome == runner.Missed, r.Outcome == runner.Replaced:
		level = slog.LevelWarn
	}
	out.log.Log(context.Background(), level, cmp.Or(string(r.Outcome), string(r.State)), attrs...)
}

// took formats the duration of a run, rounded for people.
func took(r runner.Run) string {
	d, _ := r.Took()
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

func isTerminal(f *os.File) bool {
	if f == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// switchHandler is a handler that can be replaced while it is in use.
type switchHandler struct{ now atomic.Pointer[slog.Handler] }

func (s *switchHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return (*s.now.Load()).Enabled(ctx, l)
}
func (s *switchHandler) Handle(ctx context.Context, r slog.Record) error {
	return (*s.now.Load()).Handle(ctx, r)
}
func (s *switchHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return (*s.now.Load()).WithAttrs(a)
}
func (s *switchHandler) WithGroup(name string) slog.Handler {
	return (*s.now.Load()).WithGroup(name)
}
