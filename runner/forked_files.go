package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"rota/runner/internal/process"
)

// The files of a forked run outlive the program that wrote them: a daemon reads
// what an older or newer one has left, and the shim of a run may be of any version.
// So each has a type of its own here, with names that stay as they are, and is
// never the JSON of a [Run], a [Policy] or a [Result].

// recordVersion is that of the file "run". A daemon reads all versions up to its
// own.
//
//	1  the JSON of a Run, its Input and a Policy, as those types were then
//	2  runRecord
const recordVersion = 2

// errNewer is the error of a file that a newer version of rota wrote.
var errNewer = errors.New("a newer version of rota wrote it")

// runRecord is the file "run": what a daemon must know of a run that an earlier
// one started.
type runRecord struct {
	Version int          `json:"version"`
	Run     runPart      `json:"run"`
	Input   []byte       `json:"input,omitempty"` // of the run, which need not be text
	Policy  recordPolicy `json:"policy"`
}

// runPart is what the ledger keeps of a run that is under way.
type runPart struct {
	ID        string            `json:"run"`
	Task      string            `json:"task"`
	Cause     Cause             `json:"cause"`
	Scheduled time.Time         `json:"scheduled,omitzero"`
	Queued    time.Time         `json:"queued,omitzero"`
	Started   time.Time         `json:"started,omitzero"`
	NotBefore time.Time         `json:"not_before,omitzero"`
	Attempts  int               `json:"attempts"`
	Revision  string            `json:"revision,omitempty"`
	Queue     string            `json:"queue,omitempty"`
	Priority  int               `json:"priority,omitempty"`
	On        string            `json:"on,omitempty"`
	Params    map[string]string `json:"params,omitempty"`
	InputFile string            `json:"input_file,omitempty"`
	Content   string            `json:"content,omitempty"`
	Parent    string            `json:"parent,omitempty"`
	Who       string            `json:"who,omitempty"`
	User      string            `json:"user,omitempty"`
	Force     bool              `json:"force,omitempty"`
	Binding   bool              `json:"binding,omitempty"`
	Trace     string            `json:"trace,omitempty"`
}

// recordPolicy is the part of a policy about the end of a run.
type recordPolicy struct {
	StopSignal  string      `json:"stop_signal"`
	KillAfterNS int64       `json:"kill_after_ns"`
	Retry       recordRetry `json:"retry,omitzero"`
	HoldAfter   int         `json:"hold_after,omitempty"`
}

type recordRetry struct {
	Max        int      `json:"max,omitempty"`
	DelayNS    int64    `json:"delay_ns,omitempty"`
	Factor     float64  `json:"factor,omitempty"`
	MaxDelayNS int64    `json:"max_delay_ns,omitempty"`
	On         []string `json:"on,omitempty"`
}

// policyV1 is the policy in a record of version 1.
type policyV1 struct {
	StopSignal string
	KillAfter  int64
	Retry      struct {
		Max      int
		Delay    int64
		Factor   float64
		MaxDelay int64
		On       []string
	}
	HoldAfter int
}

// newRecord describes a run that starts by a policy.
func newRecord(r Run, p Policy) runRecord {
	return runRecord{
		Version: recordVersion,
		Run: runPart{
			ID: r.ID, Task: r.Task, Cause: r.Cause, Scheduled: r.Scheduled, Queued: r.Queued, Started: r.Started, NotBefore: r.NotBefore,
			Attempts: r.Attempts, Revision: r.Revision, Queue: r.Queue, Priority: r.Priority, On: r.On, Params: maps.Clone(r.Params),
			InputFile: r.InputFile, Content: r.Content, Parent: r.Parent, Who: r.Who, User: r.User, Force: r.Force, Binding: r.Binding, Trace: r.Trace,
		},
		Input: []byte(r.Input),
		Policy: recordPolicy{
			StopSignal: p.StopSignal, KillAfterNS: int64(p.KillAfter), HoldAfter: p.HoldAfter,
			Retry: recordRetry{p.Retry.Max, int64(p.Retry.Delay), p.Retry.Factor, int64(p.Retry.MaxDelay), p.Retry.On},
		},
	}
}

// run is the run that the record describes, and policy the policy.
func (c runRecord) run() Run {
	r := c.Run
	return Run{
		ID: r.ID, Task: r.Task, Cause: r.Cause, State: Running, Scheduled: r.Scheduled, Queued: r.Queued, Started: r.Started, NotBefore: r.NotBefore,
		Attempts: r.Attempts, Revision: r.Revision, Queue: r.Queue, Priority: r.Priority, On: r.On, Params: r.Params, Input: string(c.Input),
		InputFile: r.InputFile, Content: r.Content, Parent: r.Parent, Who: r.Who, User: r.User, Force: r.Force, Binding: r.Binding, Trace: r.Trace,
	}
}

func (c runRecord) policy() Policy {
	p := c.Policy
	return Policy{
		Mode: Forked, StopSignal: p.StopSignal, KillAfter: time.Duration(p.KillAfterNS), HoldAfter: p.HoldAfter,
		Retry: Retry{p.Retry.Max, time.Duration(p.Retry.DelayNS), p.Retry.Factor, time.Duration(p.Retry.MaxDelayNS), p.Retry.On},
	}
}

// readRecord reads the file "run" in the directory of an attempt.
func readRecord(d process.Dir, a process.Attempt) (c runRecord, err error) {
	text, err := d.Read(process.RecordFile)
	if err != nil {
		return c, err
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return c, err
	}
	switch {
	case head.Version > recordVersion:
		return c, errNewer
	case head.Version < 1:
		return c, errors.New("it has no version")
	}
	if head.Version > 1 {
		err = json.Unmarshal(text, &c)
	} else {
		err = c.readV1(text)
	}
	if err == nil && (c.Run.ID != a.Run || c.Run.Attempts != a.Number) {
		err = fmt.Errorf("it belongs to %s, attempt %d", c.Run.ID, c.Run.Attempts)
	}
	return c, err
}

// readV1 reads a record of version 1.
func (c *runRecord) readV1(text []byte) error {
	var old struct {
		Run    runPart
		Input  []byte
		Policy policyV1
	}
	if err := json.Unmarshal(text, &old); err != nil {
		return err
	}
	p := old.Policy
	*c = runRecord{1, old.Run, old.Input, recordPolicy{
		StopSignal: p.StopSignal, KillAfterNS: p.KillAfter, HoldAfter: p.HoldAfter,
		Retry: recordRetry{p.Retry.Max, p.Retry.Delay, p.Retry.Factor, p.Retry.MaxDelay, p.Retry.On},
	}}
	return nil
}

// recordReason is a reason in a file: as a text, which is all that version 1 of rota
// knows, and typed, if the reader knows that type.
type recordReason struct {
	Why    string          `json:"why,omitempty"`
	Reason json.RawMessage `json:"reason,omitempty"`
}

func newRecordReason(r Reason) recordReason {
	c := recordReason{Why: r.String()}
	if text, err := json.Marshal(r); err == nil && !r.IsZero() {
		c.Reason = text
	}
	return c
}

func (c recordReason) reason() Reason {
	var r Reason
	if json.Unmarshal(c.Reason, &r) == nil && !r.IsZero() && r.String() != "" {
		return r
	}
	return TextReason(c.Why)
}

// endRecord is the file "end": how the run ended. Version 1 of rota wrote the same
// names with capital letters, which JSON takes for the same.
type endRecord struct {
	recordReason
	Outcome  Outcome   `json:"outcome"`
	Finished time.Time `json:"finished"`
	Exit     *int      `json:"exit,omitempty"`
	Signal   string    `json:"signal,omitempty"`
	Error    string    `json:"error,omitempty"`
	Result   int64     `json:"result,omitempty"`
	Stuck    bool      `json:"stuck,omitempty"`
	Usage
}

func newEndRecord(r Result) endRecord {
	return endRecord{newRecordReason(r.Reason), r.Outcome, r.Finished, r.Exit, r.Signal, r.Error, r.Result, r.Stuck, r.Usage}
}

// readEnd reads the file "end".
func readEnd(d process.Dir) (Result, error) {
	var e endRecord
	text, err := d.Read(process.EndFile)
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		return Result{}, err
	}
	switch e.Outcome {
	case OK, Failed, TimedOut, Cancelled, Skipped, Lost, Replaced:
		r := Result{Outcome: e.Outcome, Finished: e.Finished, Exit: e.Exit, Signal: e.Signal, Error: e.Error, Result: e.Result, Stuck: e.Stuck, Usage: e.Usage}
		return r.Because(e.reason()), nil
	}
	return Result{}, fmt.Errorf("unknown outcome %q", e.Outcome)
}

// stopRecord is the file "stop": why a daemon stops the run. Shims of all versions
// read it.
type stopRecord struct {
	recordReason
	Outcome Outcome `json:"outcome"`
}

func newStopRecord(s *stop) stopRecord {
	why := s.Reason
	if why.IsZero() {
		why = TextReason(s.Why)
	}
	return stopRecord{newRecordReason(why), s.Outcome}
}

// stopCause is the cause of a stop as a daemon wrote it; nil: none did.
func stopCause(text []byte) error {
	var s stopRecord
	if json.Unmarshal(text, &s) != nil || s.Outcome == "" {
		s = stopRecord{recordReason{Why: "stopped by SIGTERM from outside"}, Lost}
	}
	why := stop(NewEnd("", s.Outcome, s.reason()))
	return &why
}
