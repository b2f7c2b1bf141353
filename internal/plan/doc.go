// Package plan says which triggers of a task are in force, since when, and when their
// slots come due.
//
// The triggers of a task are those of the file or, for some time, what somebody
// rescheduled it to: [Terms] returns each with the time for which it is in force, so
// that whoever comes to a slot, and whenever, finds the trigger that was in force at
// its instant. A trigger counts from when it was first seen ([FirstSeen]). An [Entry]
// is one trigger in the agenda, with the delay that jitter means on this machine
// ([Delay]): slots stay where they are, and come due later.
//
// The daemon's loop and the answers of next, show and why ask here alone. The package
// knows no clock, and of stores only the values that the ledger remembers.
package plan
