package runner

import (
	"context"
	"encoding/json"
	"os"

	"rota/internal/runlog"
	"rota/runner/internal/process"
)

// A process that rota started as a helper never gets past this init: the init functions
// and variables of other packages would take longer than a start should. A program that
// imports this package has its helpers by that alone.
func init() {
	switch os.Args[0] {
	case process.HelperName:
		process.RunHelper(runBuiltIn)
	case process.ShimName:
		os.Exit(process.RunShim(shimMain))
	case probeName:
		runProbe()
	}
}

// builtInSpec is what the process of a built-in action is told.
type builtInSpec struct {
	Action encodedAction
	Input  Input
}

// runBuiltIn executes an action in its own process.
func runBuiltIn(text json.RawMessage) error {
	var s builtInSpec
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	a := attempt{task: &Task{Action: s.Action.Action}, in: s.Input, out: runlog.NewOutput("", 0, func(line []byte) {
		_, _ = os.Stdout.Write(append(line[:len(line):len(line)], '\n'))
	})}
	defer a.out.Close()
	return a.act(context.Background())
}
