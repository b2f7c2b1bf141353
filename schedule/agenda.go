package schedule

import (
	"iter"
	"time"
)

// Entry is one thing that comes due again and again.
type Entry struct {
	Key  string
	When Schedule
	Last time.Time
}

// Due is what came due of one entry.
type Due struct {
	Key               string
	First, Prev, Last time.Time
	N                 int
	When              Schedule
}

// Each walks the slots of d, oldest first.
func (d Due) Each() iter.Seq[time.Time] { return func(func(time.Time) bool) {} }

// Agenda is the time-ordered set of next slots.
type Agenda struct{}

func (a *Agenda) Set(entries []Entry, from time.Time) {}
func (a *Agenda) Put(e Entry)                         {}
func (a *Agenda) Drop(key string)                     {}
func (a *Agenda) At() time.Time                       { return time.Time{} }
func (a *Agenda) Next(key string) time.Time           { return time.Time{} }
func (a *Agenda) Due(through time.Time) []Due         { return nil }
func (a *Agenda) Commit(through time.Time)            {}
