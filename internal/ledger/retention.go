package ledger

import "time"

// Keep is how much of a task's past is kept. A zero value is no limit; the
// strictest of several rules holds.
type Keep struct {
	Runs    int           // ended runs; as many summary rows, counted apart
	Outputs int           // runs whose output is kept
	Bytes   int64         // of all outputs of the task
	Age     time.Duration // since the end
	AtLeast time.Duration // since the end: what is younger stays, whatever else says
}

// protects reports whether what ended then is too young to go.
func (k Keep) protects(now, end time.Time) bool { return k.AtLeast > 0 && now.Sub(end) < k.AtLeast }

// Retention says what is kept. What waits or runs always is.
type Retention struct {
	Task  func(name string) Keep // of each task, also one that is no more; called from one goroutine
	Total int64                  // bytes of all outputs and inputs, and of the ledger beyond its first 16 MiB; 0: no limit
}

// Removed is what retention has taken away, and what is left.
type Removed struct {
	Runs      int   // rows of runs, and such as went because the ledger was too large
	Summaries int   // summary rows
	Outputs   int   // runs that have lost their output alone
	Bytes     int64 // of outputs
	Left      int64 // bytes of outputs that are kept
	Size      int64 // bytes of the ledger itself, without outputs
}
