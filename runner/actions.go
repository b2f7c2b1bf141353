package runner

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"time"
)

// Actions is the table of what a task can do, by the name of its key in the
// file. Each entry makes an empty action of its kind, to be filled by package
// config or from the JSON that a helper process is given.
var Actions = map[string]func() Action{
	"command": func() Action { return new(Command) },
	"log":     func() Action { return new(Log) },
	"http":    func() Action { return new(HTTP) },
	"write":   func() Action { return new(Write) },
	"clean":   func() Action { return new(Clean) },
	"mail":    func() Action { return new(Mail) },
}

// ActionName returns the name of an action in the table; "" if it is not there.
func ActionName(a Action) string { return actionNames()[reflect.TypeOf(a)] }

var actionNames = sync.OnceValue(func() map[reflect.Type]string {
	names := make(map[reflect.Type]string, len(Actions))
	for name, empty := range Actions {
		names[reflect.TypeOf(empty())] = name
	}
	return names
})

// Input is what an action gets of its run.
type Input struct {
	Task      string
	Run       string // the run's id
	Scheduled time.Time
	Started   time.Time
	Attempt   int // from 1
	Cause     Cause
	Trace     string // as in Run
	Host      string
	Zone      string // as in Task
	Params    map[string]string
	Process   Process // the surroundings of a command
	Policy    Policy
	StateDir  string
	Trust     bool // as in Options

	// LastSuccess is when the newest run with outcome ok finished; zero if
	// none is known.
	LastSuccess time.Time

	Hook *Hook // what the hook is about that caused this; nil: none did

	// What a command alone is given.
	Stdin     string            // what it reads; "": see StdinFile
	StdinFile string            // the file that it reads; "": see Process.Stdin
	ResultMax int64             // how many bytes of result it may have; 0: none
	Vars      map[string]string // as in Launch
	Token     string            // as in Launch

	log          func(level, text string)    // takes what the action log says; may be nil
	note         func(text string)           // takes what belongs in the record but is no error; may be nil
	record       string                      // the file where the identity of its process is kept; "": see listed
	inTable      bool                        // that is kept with those of all others
	result       func(size int64, err error) // told of the result of a command, and why one could not be kept; nil: it cannot have one
	used         func(Usage)                 // told what its process has used; may be nil
	askStop      <-chan struct{}             // closed when it is to be asked to end by itself; nil: it is not
	kill         <-chan struct{}             // closed when a stop must not wait any longer
	begin        <-chan struct{}             // closed when it is to begin, all else being ready; nil: at once
	started      func()                      // called when its process has started, or a helper starts it; may be nil
	notification bool                        // it is a notification, see Notify
	terminal     bool                        // a command gets rota's own stdin, stdout and stderr
}

// encodedAction encodes an action as JSON with its name.
type encodedAction struct{ Action }

type actionJSON struct {
	Name  string
	Value json.RawMessage
}

// MarshalJSON writes the action with its name.
func (e encodedAction) MarshalJSON() ([]byte, error) {
	value, err := json.Marshal(e.Action)
	if err != nil {
		return nil, err
	}
	return json.Marshal(actionJSON{ActionName(e.Action), value})
}

// UnmarshalJSON makes an action of the kind that is named.
func (e *encodedAction) UnmarshalJSON(text []byte) error {
	var a actionJSON
	if err := json.Unmarshal(text, &a); err != nil {
		return err
	}
	empty, ok := Actions[a.Name]
	if !ok {
		return fmt.Errorf("no action %q", a.Name)
	}
	e.Action = empty()
	return json.Unmarshal(a.Value, e.Action)
}
