// Package engine decides which slots are due, what becomes of each, and how requests of
// clients are answered.
//
// One goroutine, that of [Engine.Run], owns all scheduling state. It does nothing but
// turns. In each it gathers due slots and posted calls, decides, commits the decision to
// the ledger as one change, and only then carries it out: it starts and stops runs, and
// answers clients. Nothing is done before it is recorded, so that a kill at any point
// loses no slot and runs none twice.
//
// A daemon goes through [New], [Engine.Begin], which makes the state from the ledger,
// [Engine.Run], and [Engine.End], which waits for the runs under way. Other goroutines call
// its [Service] at any time between; their changes are made by the engine's goroutine, at the
// start of a turn. It also serves what they read, while most of its commits
// wait for the disk, too (inbox.go).
//
// The engine knows no sockets, no signals and no service manager: those are the
// daemon's, which gives it [Options].
package engine
