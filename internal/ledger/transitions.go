package ledger

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"rota/runner"
)

// transitionWords are the states and outcomes, by their numbers in a packed transition.
// The order never changes; new words are added at the end.
var transitionWords = []string{
	0: "", // another word, in full
	string(runner.Held), string(runner.Recurring), string(runner.Delayed), string(runner.Queued), string(runner.Running),
	string(runner.OK), string(runner.Failed), string(runner.TimedOut), string(runner.Cancelled),
	string(runner.Skipped), string(runner.Missed), string(runner.Lost), string(runner.Replaced),
}

// A packed transition is its trigger, if any; its head; the word, if the head has no number of
// one; the microseconds since the previous transition; the reason, if any; and the
// microseconds until its Until, if any.
const (
	wordBits       = 0x1f // the number of the word
	outcomeBit     = 0x20 // it leads to an outcome, not to a state
	whyBit         = 0x40
	untilBit       = 0x80
	triggerFollows = wordBits // a head alone: a trigger follows, then the head proper
)

// packTransitions packs the transitions of a run.
func packTransitions(steps []runner.Transition) []byte {
	b := make([]byte, 0, 32)
	var last int64
	for _, t := range steps {
		word, head := string(t.State), byte(0)
		if t.Outcome != "" {
			word, head = string(t.Outcome), outcomeBit
		}
		known := max(0, slices.Index(transitionWords, word))
		head |= byte(known)
		why := packWhy(t.Reason, t.Why)
		if why != "" {
			head |= whyBit
		}
		if !t.Until.IsZero() {
			head |= untilBit
		}
		if t.On != "" {
			b = appendText(append(b, triggerFollows), t.On)
		}
		b = append(b, head)
		if known == 0 {
			b = appendText(b, word)
		}
		at := t.Time.UnixMicro()
		b = binary.AppendVarint(b, at-last)
		last = at
		if why != "" {
			b = appendText(b, why)
		}
		if !t.Until.IsZero() {
			b = binary.AppendVarint(b, t.Until.UnixMicro()-at)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// unpackTransitions is the inverse of packTransitions.
func unpackTransitions(packed string) ([]runner.Transition, error) {
	var steps []runner.Transition
	var last int64
	for p := (decoder{rest: packed}); p.rest != ""; {
		head, on := p.byte(), ""
		if head == triggerFollows {
			on, head = p.text(), p.byte()
		}
		word := int(head & wordBits)
		if word >= len(transitionWords) {
			return nil, errPacked
		}
		name := transitionWords[word]
		if word == 0 {
			name = p.text()
		}
		last += p.varint()
		t := runner.Transition{Time: time.UnixMicro(last).UTC(), On: on}
		if head&outcomeBit != 0 {
			t.Outcome = runner.Outcome(name)
		} else {
			t.State = runner.State(name)
		}
		if head&whyBit != 0 {
			t.Reason, t.Why = unpackWhy(p.text())
		}
		if head&untilBit != 0 {
			t.Until = time.UnixMicro(last + p.varint()).UTC()
		}
		if p.failed || !inJSONRange(last, t.Until.UnixMicro()) {
			return nil, errPacked
		}
		steps = append(steps, t)
	}
	return steps, nil
}

var errPacked = errors.New("malformed packed transitions")

// packWhy returns the stored form of a reason. A reason that is only text is stored as
// that text, like all reasons of earlier versions.
func packWhy(r runner.Reason, text string) string {
	if r.IsZero() {
		return text
	}
	return r.Pack()
}

// unpackWhy is the inverse of packWhy; the text is rendered again.
func unpackWhy(kept string) (runner.Reason, string) {
	if kept == "" {
		return runner.Reason{}, ""
	}
	r := runner.UnpackReason(kept)
	if r.Code == "" && len(r.Notes) == 0 {
		return runner.Reason{}, r.Detail
	}
	return r, r.String()
}

// decoder reads packed transitions.
type decoder struct {
	rest   string
	failed bool // the text was too short or malformed
}

func (p *decoder) byte() byte {
	if p.rest == "" {
		p.failed = true
		return 0
	}
	b := p.rest[0]
	p.rest = p.rest[1:]
	return b
}

func (p *decoder) uvarint() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b := p.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	p.failed = true
	return 0
}

func (p *decoder) varint() int64 {
	n := p.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (p *decoder) text() string {
	n := p.uvarint()
	if n > uint64(len(p.rest)) {
		p.failed = true
		p.rest = ""
		return ""
	}
	s := p.rest[:n]
	p.rest = p.rest[n:]
	return s
}
