package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// Seen is when each trigger of a task was first seen, in the order of their texts. It is
// recorded as an object of JSON; in memory a map would take eight times as much, as most
// tasks have one trigger.
type Seen []FirstSeen

// FirstSeen is when a trigger was first seen.
type FirstSeen struct {
	Trigger string // its text
	At      time.Time
}

// Of returns when a trigger was first seen; zero: it was not.
func (s Seen) Of(trigger string) time.Time {
	if i, there := s.find(trigger); there {
		return s[i].At
	}
	return time.Time{}
}

// Set changes when a trigger was first seen.
func (s *Seen) Set(trigger string, at time.Time) {
	i, there := s.find(trigger)
	if !there {
		*s = slices.Insert(*s, i, FirstSeen{Trigger: trigger})
	}
	(*s)[i].At = at
}

func (s Seen) find(trigger string) (i int, there bool) {
	return slices.BinarySearchFunc(s, trigger, func(s FirstSeen, trigger string) int { return cmp.Compare(s.Trigger, trigger) })
}

// Equal reports whether the same triggers were first seen at the same instants.
func (s Seen) Equal(o Seen) bool {
	return slices.EqualFunc(s, o, func(a, b FirstSeen) bool { return a.Trigger == b.Trigger && a.At.Equal(b.At) })
}

// MarshalJSON implements [json.Marshaler].
func (s Seen) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for i, sight := range s {
		trigger, err := json.Marshal(sight.Trigger)
		if err != nil {
			return nil, err
		}
		at, err := sight.At.MarshalJSON()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, trigger...), ':'), at...)
	}
	return append(text, '}'), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Seen) UnmarshalJSON(text []byte) error {
	var all map[string]time.Time
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*s = make(Seen, 0, len(all))
	for trigger, at := range all {
		s.Set(trigger, at)
	}
	return nil
}
