package page

import (
	"time"

	"rota/internal/api"
	"rota/runner"
)

// taskRow is a task in the overview.
type taskRow struct {
	Task, Description                    string
	Tags                                 []string
	State                                word
	Schedule                             string
	Raw                                  string // the schedule of the file, where another one is in force
	Next                                 moment
	NextWord                             string // in its place
	Last                                 moment
	How                                  string // how the last run ended, if not well
	LastURL                              string
	Took                                 string
	SoFar                                string // since when it runs, for the script
	Spark                                spark
	Failed                               string // the last line of output of a failed run
	Failures                             int    // in a row
	CanRun, CanStop, CanHold, CanRelease bool
	Back                                 string
}

// taskRows are rows of some tasks, with their last runs: one query for all.
func (v *visit) taskRows(tasks []api.Task) ([]taskRow, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = t.Task
	}
	runs, err := v.Service.Runs(v.r.Context(), api.RunQuery{Tasks: names, Each: sparkRuns})
	if err != nil {
		return nil, err
	}
	last := make(map[string][]*api.Run, len(tasks))
	for i := len(runs) - 1; i >= 0; i-- { // the oldest first
		task := runs[i].Task
		last[task] = append(last[task], &runs[i])
	}
	rows := make([]taskRow, len(tasks))
	for i, t := range tasks {
		rows[i] = v.taskRow(t, last[t.Task])
	}
	return rows, nil
}

// taskRow is the row of a task, with its last runs.
func (v *visit) taskRow(t api.Task, runs []*api.Run) taskRow {
	row := taskRow{
		Task: t.Task, Description: t.Description, Tags: t.Tags, State: wordFor(t.State), Schedule: t.Schedule, Took: "–", Failures: t.Failures,
		Spark: sparkOf(runs), Back: "/", CanRun: v.may(api.MayRequest, t.Task), CanStop: len(t.Running) > 0 && v.may(api.MayOwn, t.Task),
		CanHold: t.Hold == nil && v.may(api.MayOwn, t.Task), CanRelease: t.Hold != nil && v.may(api.MayOwn, t.Task),
		Last: moment{Text: "–"},
	}
	if t.On != nil {
		row.Schedule, row.Raw = t.On.Expr, t.Schedule
	}
	if t.Late {
		row.State = words["running late"]
	}
	switch {
	case t.Hold != nil && len(t.Running) == 0:
		row.NextWord = "held"
	case v.overdue(t):
		row.NextWord = "late"
		if t.State != string(runner.Queued) {
			row.State = words["late"]
		}
	case len(t.Running) > 0 && !t.Next.After(v.now):
		row.NextWord = "–"
	default:
		row.Next = v.till(t.Next, t.Timezone)
	}
	if r := t.Last; r != nil {
		row.Took, row.LastURL = v.took(*r), v.url("runs", r.ID)
		switch {
		case r.Outcome == "" && r.State == runner.Running:
			row.Last, row.SoFar = v.ago(r.Started, t.Timezone), r.Started.UTC().Format(time.RFC3339)
			row.Last.Text = "started " + row.Last.Text
			if row.Last.Rel != "" {
				row.Last.Rel = "started"
			}
		case r.Outcome != "":
			row.Last, row.How = v.ago(r.Finished, t.Timezone), r.HowEnded()
			if r.Outcome.IsFailure() {
				row.Failed = lastLine(r.Error)
				if row.How == "" && string(r.Outcome) != t.State {
					row.How = wordFor(string(r.Outcome)).Text
				}
			}
		}
	}
	return row
}
