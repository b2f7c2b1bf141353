package runner

import (
	"context"
	"strings"
	"time"

	"rota/internal/escape"
	"rota/internal/runlog"
	"rota/runner/internal/process"
)

// ConditionTime is how long a condition may take, how long its answer counts, and how
// long it is before one that did not hold is asked again.
const ConditionTime = 30 * time.Second

// conditionGrace is how long one has to end after its stop signal.
const conditionGrace = 2 * time.Second

// Readiness is what is known of the condition of a run that could start.
type Readiness int

const (
	Ready    Readiness = iota // it holds, or there is none
	Asking                    // it is being asked; meanwhile the run has its place, as if it ran
	NotReady                  // it does not hold
)

// Answer is what a condition said.
type Answer struct {
	Outcome Outcome // "": it holds; Skipped: it does not; Failed: it could not tell
	Reason  Reason
	Exit    *int   // as in Run
	Error   string // the tail of its output
}

// Ask asks the condition of a run that waits, in the surroundings of its task, and gives
// its answer to then, from a goroutine of its own. If an earlier daemon may have asked
// it, what is left of that is stopped first. The end of ctx stops it; then its answer
// means nothing.
func (r *Runner) Ask(ctx context.Context, l Launch, again bool, then func(Answer)) {
	l.Run.Attempts++ // it is of the attempt to come
	l.Run.Input, l.Run.InputFile = "", ""
	task := *l.Task
	task.Action, task.Timeout, task.TimeoutOK, task.SuccessExit = task.OnlyIf, ConditionTime, false, []int{0}
	task.KillAfter, task.Stdin, task.ResultMax = min(task.KillAfter, conditionGrace), "", 0
	l.Task = &task
	r.wg.Go(func() {
		a := r.attemptOf(l.Run)
		if again {
			a.Clear(process.UserID(l.Run.User), task.ending())
		}
		asked := newAttempt(l, r.o.StateDir, r.o.Trust, r.host, nil)
		asked.out, asked.in.listed = runlog.NewOutput("", 0, nil), true
		res, _ := asked.run(ctx)
		then(answerOf(res))
	})
}

// answerOf judges the end of a condition, as systemd does that of ExecCondition.
func answerOf(res Result) Answer {
	a := Answer{Exit: res.Exit, Error: res.Error, Reason: Reason{Code: ReasonCondition}}
	said := strings.TrimSpace(res.Error[strings.LastIndexByte(strings.TrimRight(res.Error, "\n"), '\n')+1:])
	switch {
	case res.Outcome == OK:
		return Answer{}
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
