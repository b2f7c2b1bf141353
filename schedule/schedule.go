package schedule

import "time"

// Schedule is the part of a trigger that the [Agenda] needs.
type Schedule interface {
	// Next returns the first slot strictly after the given instant, on a
	// whole second and in UTC; the zero Time means none.
	Next(after time.Time) time.Time
}

// Keys is one trigger as its author wrote it: the keys of its table, each with
// the texts of its values, in order. A number stands in its decimal form, a
// TOML time in that of RFC 3339 (without an offset if it has none).
//
//	Keys{"weekday": {"mon-fri"}, "at": {"09:00", "17:00"}}
type Keys map[string][]string

// Fault is one complaint about a trigger.
type Fault struct {
	Key        string // the key at fault; "" is the trigger as a whole
	Index      int    // which of the key's values, from 0
	Start, End int    // the bytes at fault in that value; both 0: all of it
	Msg        string // what is wrong, lower case, no full stop
	Hint       string // what to write instead; "" if there is nothing to say
}

// Error returns the message and, after a semicolon, the hint.
func (f Fault) Error() string {
	if f.Hint == "" {
		return f.Msg
	}
	return f.Msg + "; " + f.Hint
}
