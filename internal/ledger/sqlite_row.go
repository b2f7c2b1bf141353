package ledger

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// The columns of runs. The last is the sum; a new one goes before it, for good:
// its place is part of the sum.
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
type record [columns]cell

// What the statements on runs begin with.
var (
	selectRuns  = "SELECT " + strings.Join(columnNames[:], ",") + " FROM runs "
	insertRun   = "INSERT INTO runs (" + strings.Join(columnNames[:], ",") + ") VALUES (?" + strings.Repeat(",?", columns-1) + ")"
	updateRun   = update(moving...)
	updateStart = update(append([]int{colStarted, colUser, colTrace}, moving...)...)
	updateAsked = update(append([]int{colCause, colScheduled, colStarted, colRevision, colQueue, colPriority, colRecurring, colParams,
		colInput, colInputFile, colContent, colParent, colWho, colForce, colUser, colTrace}, moving...)...)
	updateSummary = update(colFinished, colLast, colCount, colRevision, colSum)
)

// moving are the columns that change in the life of a run, beside its start.
var moving = []int{colState, colOutcome, colWhy, colQueued, colFinished, colAttempts, colExit, colSignal, colError, colNotBefore, colResult, colSteps, colCPU, colMaxRSS, colSum}

// change is a statement that changes columns of a row.
type change struct {
	columns []int
	sql     string
}

// update is the change of some columns alone: to set another one, even to what
// it is, costs the writing of its indexes.
func update(columns ...int) change {
	var set []string
	for _, col := range columns {
		set = append(set, columnNames[col]+" = ?")
	}
	return change{columns, "UPDATE runs SET " + strings.Join(set, ", ") + " WHERE n = ?"}
}

// args are the parameters of the statement.
func (c change) args(rec *record) []cell {
	cells := make([]cell, 0, len(c.columns)+1)
	for _, col := range c.columns {
		cells = append(cells, rec[col])
	}
	return append(cells, rec[colN])
}

// Keys of slots are numbers, which are small and in the order of the slots.
const (
	epochBits = 22
	timeBits  = 40
)

// keyCell is the key of a run in its column.
func keyCell(id string, s slot) cell {
	if at := s.at.Unix(); s.of == "" && s.epoch > 0 && s.epoch < 1<<epochBits && at >= 0 && at < 1<<timeBits {
		return integer(int64(s.epoch)<<timeBits | at)
	}
	_, key := runner.SplitID(id)
	return text(key)
}

// idOf is the inverse of keyCell.
func idOf(task string, key cell) (string, slot) {
	if key.kind == sqlite.TypeInteger {
		s := slot{epoch: int(key.n >> timeBits), at: time.Unix(key.n&(1<<timeBits-1), 0).UTC()}
		return runner.SlotID(task, s.at, s.epoch), s
	}
	id := task + "/" + key.text
	return id, slotOf(id)
}

// recurringWord is the state "recurring" as rows have it since their first version.
const recurringWord = "standing"

// stateWord is a state in its column.
func stateWord(s runner.State) string {
	if s == runner.Recurring {
		return recurringWord
	}
	return string(s)
}

// stateOf is the inverse of stateWord.
func stateOf(word string) runner.State {
	if word == recurringWord {
		return runner.Recurring
	}
	return runner.State(word)
}

// What the column force holds.
const (
	forced  = 1
	binding = 2
)

// pack turns a row into a record. Intern gives numbers to names.
func pack(r *row, intern func(string) (int64, error)) (record, error) {
	var rec record
	for _, name := range []struct {
		col  int
		text string
	}{{colTask, r.run.Task}, {colRevision, r.run.Revision}, {colQueue, r.run.Queue}} {
		if name.text == "" {
			rec[name.col] = null
			continue
		}
		n, err := intern(name.text)
		if err != nil {
			return rec, err
		}
		rec[name.col] = integer(n)
	}
	rec[colN] = integer(r.number)
	rec[colKey] = keyCell(r.run.ID, r.slot)
	rec[colCause] = text(string(r.run.Cause))
	rec[colState] = text(stateWord(r.run.State))
	rec[colOutcome] = text(string(r.run.Outcome))
	rec[colWhy] = text(packWhy(r.run.Reason, r.run.Why))
	rec[colScheduled] = when(r.run.Scheduled)
	rec[colQueued] = when(r.run.Queued)
	rec[colStarted] = when(r.run.Started)
	rec[colFinished] = when(r.run.Finished)
	rec[colAttempts] = number(int64(r.run.Attempts))
	rec[colExit] = null
	if r.run.Exit != nil {
		rec[colExit] = integer(int64(*r.run.Exit))
	}
	rec[colSignal] = text(r.run.Signal)
	rec[colError] = text(r.run.Error)
	rec[colFirst] = when(r.run.First)
	rec[colLast] = when(r.run.Last)
	rec[colCount] = number(int64(r.run.Count))
	rec[colGaveWay] = text(r.run.By)
	rec[colPriority] = number(int64(r.run.Priority))
	rec[colNotBefore] = when(r.run.NotBefore)
	rec[colRecurring] = text(r.run.On)
	rec[colParams] = null
	if len(r.run.Params) > 0 {
		params, err := json.Marshal(r.run.Params)
		if err != nil {
			return rec, err
		}
		rec[colParams] = text(string(params))
	}
	rec[colInput] = text(r.run.Input)
	rec[colInputFile] = text(r.run.InputFile)
	rec[colContent] = text(r.run.Content)
	rec[colParent] = text(r.run.Parent)
	rec[colResult] = number(r.run.Result)
	rec[colSteps] = blob(packSteps(r.steps))
	rec[colWho] = text(r.run.Who)
	force := int64(0)
	if r.run.Force {
		force = forced
	}
	if r.run.Binding {
		force |= binding
	}
	rec[colForce] = number(force)
	rec[colUser] = text(r.run.User)
	rec[colTrace] = text(r.run.Trace)
	rec[colCPU] = number(r.run.CPU.Microseconds())
	rec[colMaxRSS] = number(r.run.MaxRSS)
	rec[colSum] = sum(rec[:colSum]...)
	return rec, nil
}

// unpack turns a record, which must be sound, into a row. Name is the inverse of
// pack's intern.
func unpack(rec *record, name func(int64) (string, error)) (*row, error) {
	r, err := unpackRun(rec, name)
	if err != nil {
		return nil, err
	}
	if r.steps, err = unpackSteps(rec[colSteps].text); err != nil {
		return nil, fmt.Errorf("transitions of %s: %w", r.run.ID, err)
	}
	return r, nil
}

// unpackBrief leaves out the parameters and the input, too.
func unpackBrief(rec *record, name func(int64) (string, error)) (*row, error) {
	small := *rec
	small[colParams], small[colInput], small[colInputFile] = null, null, null
	return unpackRun(&small, name)
}

// unpackRun leaves out the transitions.
func unpackRun(rec *record, name func(int64) (string, error)) (*row, error) {
	r := &row{number: rec[colN].n}
	run := &r.run
	for _, col := range timeColumns {
		if c := rec[col]; c.kind == sqlite.TypeInteger && !tellable(c.n) {
			return nil, fmt.Errorf("%s of row %d is out of range", columnNames[col], rec[colN].n)
		}
	}
	for _, n := range []struct {
		col  int
		text *string
	}{{colTask, &run.Task}, {colRevision, &run.Revision}, {colQueue, &run.Queue}} {
		if rec[n.col].kind == sqlite.TypeNull {
			continue
		}
		var err error
		if *n.text, err = name(rec[n.col].n); err != nil {
			return nil, err
		}
	}
	run.ID, r.slot = idOf(run.Task, rec[colKey])
	run.Cause = runner.Cause(rec[colCause].text)
	run.State = stateOf(rec[colState].text)
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
	r.was, r.began = run.State, run.Started
	return r, nil
}
