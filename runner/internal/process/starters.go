package process

// starters are the starts that happen at a time, of those that need no helper and so
// cannot wait for anybody. More would not be sooner: to start a process takes the longer
// the more descriptors rota has open, and each start has some.
var starters = make(chan struct{}, 2)

// starterTurn is the right to be one of them. The zero value is none.
type starterTurn struct {
	held bool
	done func() // called at its end; may be nil
}

func (t *starterTurn) await() {
	starters <- struct{}{}
	t.held = true
}

// end gives the turn to another, if it has not yet.
func (t *starterTurn) end() {
	if t.held {
		t.held = false
		<-starters
	}
	if t.done != nil {
		t.done()
	}
}
