// Package plan determines which triggers of a task are in force, since when, and when
// their slots are due.
//
// The triggers of a task are those of the file or, for some time, those of a reschedule:
// [Terms] returns each trigger with the time in which it is in force, so that for each
// slot, whenever it is handled, the trigger is known that was in force at its instant. A
// trigger counts from when it was first seen ([FirstSeen]). An [Entry] is one trigger in
// the agenda, with the delay by jitter on this machine ([Delay]): slots do not move, but
// are due later.
//
// The engine and the answers of next, show and why all use this package. It reads no clock
// and no store; of stores it uses only the values of the ledger.
package plan
