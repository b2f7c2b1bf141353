// Package query answers questions: which tasks there are, what ran and what waits, what
// comes due next, what a run wrote. It reads the ledger, a configuration and, where a
// daemon runs, what that says of its agenda and of the states of tasks ([Reader]); it
// changes nothing. Without a daemon the same answers come from the ledger and the file
// alone ([Offline]), so that a command says the same whether or not one runs.
//
// One file holds the answers about one noun: tasks, runs, queues, slots to come, outputs.
// Answers are values of package api; each leaves out what its caller may not see.
package query
