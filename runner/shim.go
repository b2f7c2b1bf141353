package runner

import (
	"encoding/json"

	"rota/runner/internal/process"
)

// shimSpec is the input of the shim of a forked run.
type shimSpec struct {
	StateDir string
	Trust    bool // as in Options
	Launch   Launch
	Input    []byte // of the run
	Action   encodedAction
}

// shimMain has the functions of a shim.
var shimMain = process.ShimMain{
	Execute:   func(what []byte, c process.ShimRun) (end any) { return newEndRecord(execute(what, c)) },
	StopCause: stopCause,
}

// execute executes the run.
func execute(what []byte, c process.ShimRun) Result {
	if c.Err != nil {
		return couldNotStart(c.Err)
	}
	var s shimSpec
	if err := json.Unmarshal(what, &s); err != nil {
		return couldNotStart(err)
	}
	s.Launch.Task.Action = s.Action.Action
	s.Launch.Task, s.Launch.Run.Input = inOwnProcess(s.Launch.Task), string(s.Input)
	a := newAttempt(s.Launch, s.StateDir, s.Trust, hostName(), c.Echo)
	a.in.record, a.in.kill = c.Record, c.Kill
	result, _ := a.run(c.Context)
	return result
}
