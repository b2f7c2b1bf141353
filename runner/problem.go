package runner

// Problem is one fault in the values of an action. Package config adds its position in the
// file.
type Problem struct {
	Key  string // the key inside the action's table, "" for the action itself; one header is "headers.NAME"
	Msg  string // what is wrong
	Hint string // what to write instead; "" if Msg says it all
}

// problems collects faults.
type problems []Problem

func (p *problems) add(key, msg, hint string) {
	*p = append(*p, Problem{Key: key, Msg: msg, Hint: hint})
}
