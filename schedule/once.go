package schedule

// once fires at one instant.
type once struct {
	at   int64
	mark string // its note
	text string // the date and time as its author meant it, for reading
}

func (o *once) next(after int64) int64 {
	if after < o.at {
		return o.at
	}
	return never
}

func (o *once) note(int64) string { return o.mark }

// atStart never comes due by time: it is the start of the "daemon" or, after a
// "boot", the first of them.
type atStart string

func (atStart) next(int64) int64  { return never }
func (atStart) note(int64) string { return "" }
