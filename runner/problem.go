package runner

// Problem is one complaint about the values of an action. Package config gives
// it a place in the file.
type Problem struct {
	Key  string // the key inside the action's table, "" for the action itself; one header is "headers.NAME"
	Msg  string // what is wrong
	Hint string // what to write instead; "" if Msg says it all
}

// problems collects complaints.
type problems []Problem

func (p *problems) add(key, msg, hint string) {
	*p = append(*p, Problem{Key: key, Msg: msg, Hint: hint})
}
