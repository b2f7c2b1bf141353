package runner

import (
	"context"
	"strings"
	"time"

	"rota/internal/escape"
	"rota/internal/runlog"
	"rota/runner/internal/process"
)

// ConditionTime is how long a condition may take, how long its result is valid, and after
// what time one that did not hold is checked again.
const ConditionTime = 30 * time.Second

// conditionGrace is how long one has to end after its stop signal.
const conditionGrace = 2 * time.Second

// Readiness is the state of the condition of a run that may start.
type Readiness int

const (
	Ready    Readiness = iota // it holds, or there is none
	Checking                  // it is being checked; meanwhile the run counts as running
	NotReady                  // it does not hold
)

// ConditionResult is the result of a condition.
type ConditionResult struct {
	Outcome Outcome // "": it holds; Skipped: it does not; Failed: it could not be checked
	Reason  Reason
	Exit    *int   // as in Run
	Error   string // the tail of its output
}

// CheckCondition runs the condition of a waiting run, with the settings of its task, and
// passes the result to then, from another goroutine. If an earlier daemon may have run it,
// what is left of that is stopped first. The end of ctx stops it; then the result is void.
func (r *Runner) CheckCondition(ctx context.Context, l Launch, again bool, then func(ConditionResult)) {
	l.Run.Attempts++ // it is of the attempt to come
	l.Run.Input, l.Run.InputFile = "", ""
	task := *l.Task
	task.Action, task.Timeout, task.TimeoutOK, task.SuccessExit = task.OnlyIf, ConditionTime, false, []int{0}
	task.KillAfter, task.Stdin, task.ResultMax = min(task.KillAfter, conditionGrace), "", 0
	l.Task = &task
	r.wg.Go(func() {
		a := r.attemptOf(l.Run)
		if again {
			a.Clear(process.UserID(l.Run.User), task.termination())
		}
		asked := newAttempt(l, r.o.StateDir, r.o.Trust, r.host, nil)
		asked.out, asked.in.inTable = runlog.NewOutput("", 0, nil), true
		res, _ := asked.run(ctx)
		then(conditionResult(res))
	})
}

// conditionResult interprets the end of a condition, as systemd does for ExecCondition.
func conditionResult(res Result) ConditionResult {
	a := ConditionResult{Exit: res.Exit, Error: res.Error, Reason: Reason{Code: ReasonCondition}}
	said := strings.TrimSpace(res.Error[strings.LastIndexByte(strings.TrimRight(res.Error, "\n"), '\n')+1:])
	switch {
	case res.Outcome == OK:
		return ConditionResult{}
	case res.Outcome == Failed && res.Exit != nil:
		a.Outcome, a.Reason.Next, a.Reason.Detail = Skipped, *res.Exit, escape.Short(said, 200)
		if *res.Exit == 255 {
			a.Outcome = Failed
		}
	case res.Outcome == TimedOut:
		a.Outcome, a.Reason.Detail = Failed, "time-out "+res.Why
	default:
		a.Outcome, a.Reason.Detail = Failed, res.Why
	}
	return a
}
