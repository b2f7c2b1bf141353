// Package metrics counts what becomes of runs, and writes that, with what the daemon
// knows of its tasks, in the text format of Prometheus.
//
// A [Metrics] is a [runner.Recorder]: the loop tells it of each run, which costs a lock
// of one task and a few additions. All else is looked at when somebody asks: what the
// loop has at hand, by [Source].State, and what the ledger says of the tasks that have
// had an end since somebody asked last. That look is bounded in time; what the ledger has
// not answered by then is shown as it was known before.
//
// The labels are names of the file: tasks, queues and targets. Every series of a task is
// there from when the file is loaded, its counters at 0, and goes with the task.
package metrics
