// Package query answers queries about tasks, past and pending runs, upcoming slots and
// outputs. It reads the ledger, a configuration and, in a daemon, its agenda and the
// states of tasks ([Reader]); it changes nothing. Without a daemon the answers come from
// the ledger and the file alone ([Offline]), so that a command prints the same with and
// without a daemon.
//
// Each file holds the answers about one noun: tasks, runs, queues, upcoming slots,
// outputs. Answers are values of package api; they omit what the caller may not see.
package query
