package page

import (
	"cmp"

	"rota/internal/api"
	"rota/runner"
)

// runTable lists runs.
type runTable struct {
	ID     string // of the region
	Rows   []runRow
	Tasks  bool // the task of each is shown
	None   string
	Cancel bool // one of them can be cancelled
}

// runRow is a run in a list.
type runRow struct {
	ID, Task, Key         string
	State                 word
	Cause                 string
	Began                 moment
	Took                  string
	How                   string
	Failed                string
	On                    string
	CanCancel, CanRelease bool
	Back                  string
}

// runRow is the row of a run of a task, whose zone it is shown in.
func (v *visit) runRow(r api.Run, t api.Task) runRow {
	task, key := runner.SplitID(r.ID)
	row := runRow{ID: r.ID, Task: task, Key: key, State: wordFor(r.Word()), Cause: causes[r.Cause], Took: v.took(r), How: r.HowEnded(), On: r.On}
	if row.How == "" && r.Outcome != "" && r.Outcome != runner.OK {
		row.How = r.Why
	}
	if r.Who != "" && r.Cause == runner.CauseManual {
		row.Cause += " by " + r.Who
	}
	if r.IsSummary() {
		row.Cause = count(r.Count, "time", "times")
	}
	switch {
	case !r.Started.IsZero():
		row.Began = v.at(r.Started, t.Timezone)
	case r.State == runner.Delayed && !r.NotBefore.IsZero():
		row.Began = v.till(r.NotBefore, t.Timezone)
	default:
		row.Began = v.at(cmp.Or(r.Last, r.Scheduled, r.Queued), t.Timezone)
	}
	if r.Outcome.IsFailure() {
		row.Failed = lastLine(r.Error)
	}
	if r.Outcome == "" && r.State != runner.Running {
		row.CanCancel = v.may(api.MayRequest, task)
		row.CanRelease = r.State == runner.Held && v.may(api.MayOwn, task)
		row.Back = "/tasks/" + task
	}
	return row
}
