// Package engine decides: what is due, what becomes of it, and what is asked of rota.
//
// One goroutine, that of [Engine.Run], owns all scheduling state. It does nothing but
// turns. In each it gathers what came due and what others asked, decides, has the ledger
// record that as one change, and only then does it: starts and stops runs, and answers.
// What is not recorded did not happen, so that a kill at any point loses nothing and
// does nothing twice.
//
// A daemon goes through [New], [Engine.Begin], which makes the state from the ledger,
// [Engine.Run], and [Engine.End], which waits for what is under way. Others ask it by
// its [Service] at any time between; what they ask is done by the same goroutine.
//
// The engine knows no sockets, no signals and no service manager: those are the
// daemon's, which gives it [Options].
package engine
