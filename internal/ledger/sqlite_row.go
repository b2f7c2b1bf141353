package ledger

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// The columns of runs. The last is the checksum; a new column goes before it and is never
// moved: its position is part of the checksum.
const (
	colN = iota
	colTask
	colKey
	colCause
	colState
	colOutcome
	colWhy
	colScheduled
	colQueued
	colStarted
	colFinished
	colAttempts
	colExit
	colSignal
	colError
	colFirst
	colLast
	colCount
	colGaveWay
	colRevision
	colQueue
	colPriority
	colNotBefore
	colRecurring
	colParams
	colInput
	colInputFile
	colContent
	colParent
	colResult
	colSteps
	colWho
	colForce
	colUser
	colCPU
	colMaxRSS
	colTrace
	colSum
	columns
)

var columnNames = [columns]string{
	"n", "task", "key", "cause", "state", "outcome", "why", "scheduled", "queued", "started", "finished", "attempts", "exit",
	"signal", "error", "first", "last", "count", "gave_way", "revision", "queue", "priority", "not_before", "standing", "params",
	"input", "input_file", "content", "parent", "result", "steps", "who", "force", "user", "cpu", "max_rss", "trace", "sum",
}

// timeColumns are those that hold a time.
var timeColumns = [...]int{colScheduled, colQueued, colStarted, colFinished, colFirst, colLast, colNotBefore}

// record is a row of runs as it is stored.
type record [columns]value

// What the statements on runs begin with.
var (
	selectRuns  = "SELECT " + strings.Join(columnNames[:], ",") + " FROM runs "
	insertRun   = "INSERT INTO runs (" + strings.Join(columnNames[:], ",") + ") VALUES (?" + strings.Repeat(",?", columns-1) + ")"
	updateRun   = newUpdate(changingColumns...)
	updateStart = newUpdate(append([]int{colStarted, colUser, colTrace}, changingColumns...)...)
	updateAsked = newUpdate(append([]int{colCause, colScheduled, colStarted, colRevision, colQueue, colPriority, colRecurring, colParams,
		colInput, colInputFile, colContent, colParent, colWho, colForce, colUser, colTrace}, changingColumns...)...)
	updateSummary = newUpdate(colFinished, colLast, colCount, colRevision, colSum)
)

// changingColumns are the columns that change after a run is recorded, beside its start.
var changingColumns = []int{colState, colOutcome, colWhy, colQueued, colFinished, colAttempts, colExit, colSignal, colError, colNotBefore, colResult, colSteps, colCPU, colMaxRSS, colSum}

// updateStatement changes some columns of a row.
type updateStatement struct {
	columns []int
	sql     string
}

// newUpdate makes a statement that sets some columns only: to set another one, even to the
// same value, writes its indexes.
func newUpdate(columns ...int) updateStatement {
	var set []string
	for _, col := range columns {
		set = append(set, columnNames[col]+" = ?")
	}
	return updateStatement{columns, "UPDATE runs SET " + strings.Join(set, ", ") + " WHERE n = ?"}
}

// args are the parameters of the statement.
func (c updateStatement) args(rec *record) []value {
	values := make([]value, 0, len(c.columns)+1)
	for _, col := range c.columns {
		values = append(values, rec[col])
	}
	return append(values, rec[colN])
}

// Keys of slots are numbers, which are small and in the order of the slots.
const (
	epochBits = 22
	timeBits  = 40
)

// keyValue is the key of a run as stored.
func keyValue(id string, s slot) value {
	if at := s.at.Unix(); s.request == "" && s.epoch > 0 && s.epoch < 1<<epochBits && at >= 0 && at < 1<<timeBits {
		return integer(int64(s.epoch)<<timeBits | at)
	}
	_, key := runner.SplitID(id)
	return textOrNull(key)
}

// idOf is the inverse of keyValue.
func idOf(task string, key value) (string, slot) {
	if key.kind == sqlite.TypeInteger {
		s := slot{epoch: int(key.n >> timeBits), at: time.Unix(key.n&(1<<timeBits-1), 0).UTC()}
		return runner.SlotID(task, s.at, s.epoch), s
	}
	id := task + "/" + key.text
	return id, slotOf(id)
}

// storedRecurring is the state "recurring" in rows, since their first version.
const storedRecurring = "standing"

// storedState is a state as stored.
func storedState(s runner.State) string {
	if s == runner.Recurring {
		return storedRecurring
	}
	return string(s)
}

// stateFromStored is the inverse of storedState.
func stateFromStored(word string) runner.State {
	if word == storedRecurring {
		return runner.Recurring
	}
	return runner.State(word)
}

// What the column force holds.
const (
	forced  = 1
	binding = 2
)

// pack turns a row into a record. Intern returns the number of a name.
func pack(r *row, intern func(string) (int64, error)) (record, error) {
	var rec record
	for _, name := range []struct {
		col        int
		textOrNull string
	}{{colTask, r.run.Task}, {colRevision, r.run.Revision}, {colQueue, r.run.Queue}} {
		if name.textOrNull == "" {
			rec[name.col] = nullValue
			continue
		}
		n, err := intern(name.textOrNull)
		if err != nil {
			return rec, err
		}
		rec[name.col] = integer(n)
	}
	rec[colN] = integer(r.number)
	rec[colKey] = keyValue(r.run.ID, r.slot)
	rec[colCause] = textOrNull(string(r.run.Cause))
	rec[colState] = textOrNull(storedState(r.run.State))
	rec[colOutcome] = textOrNull(string(r.run.Outcome))
	rec[colWhy] = textOrNull(packWhy(r.run.Reason, r.run.Why))
	rec[colScheduled] = timeOrNull(r.run.Scheduled)
	rec[colQueued] = timeOrNull(r.run.Queued)
	rec[colStarted] = timeOrNull(r.run.Started)
	rec[colFinished] = timeOrNull(r.run.Finished)
	rec[colAttempts] = integerOrNull(int64(r.run.Attempts))
	rec[colExit] = nullValue
	if r.run.Exit != nil {
		rec[colExit] = integer(int64(*r.run.Exit))
	}
	rec[colSignal] = textOrNull(r.run.Signal)
	rec[colError] = textOrNull(r.run.Error)
	rec[colFirst] = timeOrNull(r.run.First)
	rec[colLast] = timeOrNull(r.run.Last)
	rec[colCount] = integerOrNull(int64(r.run.Count))
	rec[colGaveWay] = textOrNull(r.run.By)
	rec[colPriority] = integerOrNull(int64(r.run.Priority))
	rec[colNotBefore] = timeOrNull(r.run.NotBefore)
	rec[colRecurring] = textOrNull(r.run.On)
	rec[colParams] = nullValue
	if len(r.run.Params) > 0 {
		params, err := json.Marshal(r.run.Params)
		if err != nil {
			return rec, err
		}
		rec[colParams] = textOrNull(string(params))
	}
	rec[colInput] = textOrNull(r.run.Input)
	rec[colInputFile] = textOrNull(r.run.InputFile)
	rec[colContent] = textOrNull(r.run.Content)
	rec[colParent] = textOrNull(r.run.Parent)
	rec[colResult] = integerOrNull(r.run.Result)
	rec[colSteps] = blob(packTransitions(r.transitions))
	rec[colWho] = textOrNull(r.run.Who)
	force := int64(0)
	if r.run.Force {
		force = forced
	}
	if r.run.Binding {
		force |= binding
	}
	rec[colForce] = integerOrNull(force)
	rec[colUser] = textOrNull(r.run.User)
	rec[colTrace] = textOrNull(r.run.Trace)
	rec[colCPU] = integerOrNull(r.run.CPU.Microseconds())
	rec[colMaxRSS] = integerOrNull(r.run.MaxRSS)
	rec[colSum] = checksum(rec[:colSum]...)
	return rec, nil
}

// unpack turns a record, whose checksum must match, into a row. Name is the inverse of
// intern.
func unpack(rec *record, name func(int64) (string, error)) (*row, error) {
	r, err := unpackWithoutTransitions(rec, name)
	if err != nil {
		return nil, err
	}
	if r.transitions, err = unpackTransitions(rec[colSteps].text); err != nil {
		return nil, fmt.Errorf("transitions of %s: %w", r.run.ID, err)
	}
	return r, nil
}

// unpackBrief is unpackWithoutTransitions without parameters and input.
func unpackBrief(rec *record, name func(int64) (string, error)) (*row, error) {
	small := *rec
	small[colParams], small[colInput], small[colInputFile] = nullValue, nullValue, nullValue
	return unpackWithoutTransitions(&small, name)
}

// unpackWithoutTransitions unpacks a record except for its transitions.
func unpackWithoutTransitions(rec *record, name func(int64) (string, error)) (*row, error) {
	r := &row{number: rec[colN].n}
	run := &r.run
	for _, col := range timeColumns {
		if c := rec[col]; c.kind == sqlite.TypeInteger && !inJSONRange(c.n) {
			return nil, fmt.Errorf("%s of row %d is out of range", columnNames[col], rec[colN].n)
		}
	}
	for _, n := range []struct {
		col        int
		textOrNull *string
	}{{colTask, &run.Task}, {colRevision, &run.Revision}, {colQueue, &run.Queue}} {
		if rec[n.col].kind == sqlite.TypeNull {
			continue
		}
		var err error
		if *n.textOrNull, err = name(rec[n.col].n); err != nil {
			return nil, err
		}
	}
	run.ID, r.slot = idOf(run.Task, rec[colKey])
	run.Cause = runner.Cause(rec[colCause].text)
	run.State = stateFromStored(rec[colState].text)
	run.Outcome = runner.Outcome(rec[colOutcome].text)
	run.Reason, run.Why = unpackWhy(rec[colWhy].text)
	run.Scheduled = rec[colScheduled].time()
	run.Queued = rec[colQueued].time()
	run.Started = rec[colStarted].time()
	run.Finished = rec[colFinished].time()
	run.Attempts = int(rec[colAttempts].n)
	if c := rec[colExit]; c.kind == sqlite.TypeInteger {
		run.Exit = new(int(c.n))
	}
	run.Signal = rec[colSignal].text
	run.Error = rec[colError].text
	run.First = rec[colFirst].time()
	run.Last = rec[colLast].time()
	run.Count = int(rec[colCount].n)
	run.By = rec[colGaveWay].text
	run.Priority = int(rec[colPriority].n)
	run.NotBefore = rec[colNotBefore].time()
	run.On = rec[colRecurring].text
	if c := rec[colParams]; c.text != "" {
		if err := json.Unmarshal([]byte(c.text), &run.Params); err != nil {
			return nil, fmt.Errorf("parameters of %s: %w", run.ID, err)
		}
	}
	run.Input = rec[colInput].text
	run.InputFile = rec[colInputFile].text
	run.Content = rec[colContent].text
	run.Parent = rec[colParent].text
	run.Result = rec[colResult].n
	run.Who = rec[colWho].text
	run.Force, run.Binding = rec[colForce].n&forced != 0, rec[colForce].n&binding != 0
	run.User = rec[colUser].text
	run.CPU = time.Duration(rec[colCPU].n) * time.Microsecond
	run.Trace = rec[colTrace].text
	run.MaxRSS = rec[colMaxRSS].n
	r.savedState, r.savedStarted = run.State, run.Started
	return r, nil
}
