package ledger

import "time"

// Keep is how much of the history of a task is kept. A zero value is no limit; the
// strictest of several limits applies.
type Keep struct {
	Runs    int           // ended runs; as many summary rows, counted separately
	Outputs int           // runs whose output is kept
	Bytes   int64         // of all outputs of the task
	Age     time.Duration // since the end
	AtLeast time.Duration // since the end: younger ones are kept, whatever the other limits
}

// protects reports whether a run that ended then is too young to be removed.
func (k Keep) protects(now, end time.Time) bool { return k.AtLeast > 0 && now.Sub(end) < k.AtLeast }

// Retention is what is kept. Pending and running runs always are.
type Retention struct {
	Task  func(name string) Keep // of each task, also of a removed one; called from one goroutine
	Total int64                  // bytes of all outputs and inputs, and of the ledger beyond its first 16 MiB; 0: no limit
}

// Removed is what retention has removed, and what is left.
type Removed struct {
	Runs      int   // rows of runs, also those removed because the ledger was too large
	Summaries int   // summary rows
	Outputs   int   // runs of which only the output was removed
	Bytes     int64 // of outputs
	Left      int64 // bytes of outputs that are kept
	Size      int64 // bytes of the ledger itself, without outputs
}
