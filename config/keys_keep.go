package config

import (
	"fmt"
	"time"

	"rota/schedule"
)

// Keep limits how much history of a task is kept.
type Keep struct {
	Runs    int           // ended runs; the same number of skipped and missed slots, counted separately
	Outputs int           // runs whose output is kept
	Bytes   int64         // of all outputs together; 0: no limit
	Age     time.Duration // since the end; 0: any
	AtLeast time.Duration // since the end: younger runs are kept, whatever the other limits are
}

// keepTable is the table keep of a task. [history] has the same keys, for all tasks
// without a keep of their own.
var keepTable = &table[Task]{
	name: "tasks.NAME.keep", text: "How much of the task's history is kept.",
	keys: []key[Task]{
		row("runs", number(1, noLimit, func(t *Task) *int { return &t.Keep.Runs }), "10000", "How many ended runs of a task are kept, and how many records of slots that did not run.", "100"),
		row("outputs", number(0, noLimit, func(t *Task) *int { return &t.Keep.Outputs }), "500", "How many runs of a task keep their output.", "10"),
		row("bytes", size(func(t *Task) *int64 { return &t.Keep.Bytes }), "", "The limit in bytes for all outputs of a task. Default: no limit.", `"100MiB"`),
		row("age", duration(func(t *Task) *time.Duration { return &t.Keep.Age }), `"90d"`, "Runs that ended longer ago are removed. 0s is never.", `"30d"`),
		row("output", custom(sizeType, func(t *Task) *int64 { return &t.Output }, setOutput), `"1MiB"`, "How much output of one run is kept; of longer output, the beginning and the end. The times that rota adds to the lines are not counted.", `"64KiB"`),
		row("at_least", duration(func(t *Task) *time.Duration { return &t.Keep.AtLeast }), `"0s"`, "Runs that ended more recently are kept regardless of the other keys.", `"1d"`),
	},
}

// historyTable is keep for all tasks, and the limit over all of them together.
var historyTable = &table[loader]{
	name: "history", text: "How much history is kept of all tasks that do not set keep. Only the main file may have this table.",
	keys: append(partOf(keepTable.keys, func(l *loader) *Task { return &l.base.Task }),
		row("total", size(func(l *loader) *int64 { return &l.config.Total }), `"1GiB"`, "The limit in bytes for the outputs and inputs of all tasks, and the part of the ledger beyond its first 16 MiB. The ledger may use half of it; beyond that the oldest ended runs of the tasks with the most runs are removed. Beyond the rest the oldest outputs are removed.", `"512MiB"`),
	),
}

// setOutput reads how much of an output is kept.
func setOutput(loc location, v any, to *Task) {
	n := int64(0)
	if !loc.size(v, &n) {
		return
	}
	if n < 1<<10 {
		loc.valueError("", "output is %s, but must be 1KiB or more", v)
		return
	}
	to.Output = n
}

// formatKeep returns the limits in few words.
func formatKeep(k Keep, output int64) string {
	text := fmt.Sprintf("%d runs, %d outputs of %s", k.Runs, k.Outputs, formatSize(output))
	if k.Bytes > 0 {
		text += ", " + formatSize(k.Bytes)
	}
	if k.Age > 0 {
		text += ", " + schedule.FormatDuration(k.Age)
	}
	if k.AtLeast > 0 {
		text += ", at least " + schedule.FormatDuration(k.AtLeast)
	}
	return text
}
