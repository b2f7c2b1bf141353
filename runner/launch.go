package runner

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"rota/runner/internal/process"
)

// launch is what all the processes of a run have in common: all but what to start.
func (in Input) launch() (process.Launch, error) {
	l := process.Launch{
		Settings: in.Process, Trust: in.Trust, Token: in.Token,
		Termination: in.Policy.termination(), StopLeftovers: in.Policy.Leftovers == LeftoversStop, Ask: in.askStop, Kill: in.kill, Begin: in.begin, Started: in.started, Record: in.record, Listed: in.inTable && !in.notification,
	}
	if !in.notification { // else it would count as a process of the run
		l.Attempt = process.Attempt{StateDir: in.StateDir, Run: in.Run, Number: in.Attempt}
	}
	var err error
	l.Vars, err = in.variables()
	return l, err
}

// run runs a process, and records its notes and usage.
func (in Input) run(ctx context.Context, l process.Launch, out io.Writer) error {
	r, err := l.Run(ctx, out)
	if r.NoFiles != nil {
		in.note("no result file and no stop file: " + r.NoFiles.Error())
	}
	if len(r.Stopped) > 0 {
		in.note("stopped remaining processes: " + process.Describe(r.Stopped))
	}
	if len(r.StillAlive) > 0 {
		in.note("still alive after KILL: " + process.Describe(r.StillAlive))
	}
	if len(r.LeftBehind) > 0 {
		in.note("left behind: " + process.Describe(r.LeftBehind))
	}
	if in.used != nil {
		in.used(Usage{CPU: r.CPU, MaxRSS: r.MaxRSS})
	}
	if in.result != nil {
		in.result(r.Size, r.NoResult)
	}
	return err
}

// variables are the environment variables that describe the run.
func (in Input) variables() (map[string]string, error) {
	vars := map[string]string{}
	for name, v := range in.Params {
		if strings.Contains(v, "\x00") {
			return nil, fmt.Errorf("parameter %s: a variable cannot hold a NUL byte; give it as input", name)
		}
		vars["ROTA_PARAM_"+strings.ToUpper(name)] = v
	}
	for name, v := range in.Vars {
		vars[name] = v
	}
	if in.Trace != "" {
		vars["TRACEPARENT"] = in.Trace
	}
	vars["ROTA_TASK"] = in.Task
	vars["ROTA_RUN"] = in.Run
	vars["ROTA_ATTEMPT"] = strconv.Itoa(in.Attempt)
	vars["ROTA_CAUSE"] = string(in.Cause)
	vars["ROTA_SCHEDULED"] = timeText(in.Scheduled)
	vars["ROTA_LAST_SUCCESS"] = timeText(in.LastSuccess)
	return vars, nil
}

// timeText is RFC 3339 in UTC, or "" for no time.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
