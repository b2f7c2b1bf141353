package ledger

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"rota/runner"
)

// stepWords are what a transition may lead to, by the number that stands for it
// in a packed one. The order is for ever; new words are added at the end.
var stepWords = []string{
	0: "", // another word, spelt out
	string(runner.Held), string(runner.Recurring), string(runner.Delayed), string(runner.Queued), string(runner.Running),
	string(runner.OK), string(runner.Failed), string(runner.TimedOut), string(runner.Cancelled),
	string(runner.Skipped), string(runner.Missed), string(runner.Lost), string(runner.Replaced),
}

// A packed transition is its trigger, if it has one; its head; the word, if the head names none; the
// microseconds since the one before; why, if it has one; and the microseconds
// that remain until its Until, if it has one.
const (
	stepWord    = 0x1f // the number of the word
	stepOutcome = 0x20 // it leads to an outcome, not to a state
	stepWhy     = 0x40
	stepUntil   = 0x80
	stepOn      = stepWord // a head alone: a trigger follows, then the head proper
)

// packSteps packs the transitions of a run.
func packSteps(steps []runner.Transition) []byte {
	b := make([]byte, 0, 32)
	var last int64
	for _, t := range steps {
		word, head := string(t.State), byte(0)
		if t.Outcome != "" {
			word, head = string(t.Outcome), stepOutcome
		}
		known := max(0, slices.Index(stepWords, word))
		head |= byte(known)
		why := packWhy(t.Reason, t.Why)
		if why != "" {
			head |= stepWhy
		}
		if !t.Until.IsZero() {
			head |= stepUntil
		}
		if t.On != "" {
			b = appendText(append(b, stepOn), t.On)
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

// unpackSteps is the inverse of packSteps.
func unpackSteps(packed string) ([]runner.Transition, error) {
	var steps []runner.Transition
	var last int64
	for p := (parcel{rest: packed}); p.rest != ""; {
		head, on := p.byte(), ""
		if head == stepOn {
			on, head = p.text(), p.byte()
		}
		word := int(head & stepWord)
		if word >= len(stepWords) {
			return nil, errPacked
		}
		name := stepWords[word]
		if word == 0 {
			name = p.text()
		}
		last += p.varint()
		t := runner.Transition{Time: time.UnixMicro(last).UTC(), On: on}
		if head&stepOutcome != 0 {
			t.Outcome = runner.Outcome(name)
		} else {
			t.State = runner.State(name)
		}
		if head&stepWhy != 0 {
			t.Reason, t.Why = unpackWhy(p.text())
		}
		if head&stepUntil != 0 {
			t.Until = time.UnixMicro(last + p.varint()).UTC()
		}
		if p.bad || !tellable(last, t.Until.UnixMicro()) {
			return nil, errPacked
		}
		steps = append(steps, t)
	}
	return steps, nil
}

var errPacked = errors.New("they are not packed as they should be")

// packWhy returns a reason as it is kept: one that is a text alone as this text,
// as earlier versions kept all.
func packWhy(r runner.Reason, text string) string {
	if r.IsZero() {
		return text
	}
	return r.Pack()
}

// unpackWhy is the inverse of packWhy; the text is made anew.
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

// parcel is what is left to unpack.
type parcel struct {
	rest string
	bad  bool // it was too short, or wrong
}

func (p *parcel) byte() byte {
	if p.rest == "" {
		p.bad = true
		return 0
	}
	b := p.rest[0]
	p.rest = p.rest[1:]
	return b
}

func (p *parcel) uvarint() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b := p.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	p.bad = true
	return 0
}

func (p *parcel) varint() int64 {
	n := p.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (p *parcel) text() string {
	n := p.uvarint()
	if n > uint64(len(p.rest)) {
		p.bad = true
		p.rest = ""
		return ""
	}
	s := p.rest[:n]
	p.rest = p.rest[n:]
	return s
}
