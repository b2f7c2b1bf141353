package runner

import (
	"encoding/json"

	"rota/runner/internal/process"
)

// shimSpec is what the shim of a forked run is told.
type shimSpec struct {
	StateDir string
	Trust    bool // as in Options
	Launch   Launch
	Input    []byte // of the run
	Action   encodedAction
}

// shimMain is what a shim does.
var shimMain = process.ShimMain{
	Carry: func(what []byte, c process.Carried) (end any) {
		if c.Err != nil {
			return couldNotStart(c.Err)
		}
		var s shimSpec
		if err := json.Unmarshal(what, &s); err != nil {
			return couldNotStart(err)
		}
		return s.carry(c)
	},
	StopCause: func(text []byte) error {
		why := stop(NewEnd("", Lost, Said("stopped by SIGTERM from outside")))
		_ = json.Unmarshal(text, &why)
		return &why
	},
}

// carry executes the run.
func (s *shimSpec) carry(c process.Carried) Result {
	s.Launch.Task.Action = s.Action.Action
	s.Launch.Task, s.Launch.Run.Input = inOwnProcess(s.Launch.Task), string(s.Input)
	a := newAttempt(s.Launch, s.StateDir, s.Trust, hostName(), c.Echo)
	a.in.record, a.in.kill = c.Record, c.Kill
	result, _ := a.run(c.Context)
	return result
}

// splitInput takes the input out of a run: JSON would change what is no text.
func splitInput(run Run) (Run, []byte) {
	input := []byte(run.Input)
	run.Input = ""
	return run, input
}
