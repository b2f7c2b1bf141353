package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"rota/schedule"
)

// span is a duration in JSON: "90s", "2h", "1d". It also reads a number of nanoseconds, as
// older clients send it.
type span time.Duration

func (s span) MarshalJSON() ([]byte, error) {
	d := time.Duration(s)
	text := schedule.FormatDuration(d)
	if again, err := schedule.Duration(text); err != nil || again != d {
		text = d.String() // with parts of a second, or out of range
	}
	return json.Marshal(text)
}

func (s *span) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*int64)(s)) == nil {
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("a duration must be a string such as \"90s\", \"15m\" or \"2h\", not %s", short(string(b)))
	}
	d, err := schedule.Duration(text)
	if exact, wrong := time.ParseDuration(text); err != nil && wrong == nil && exact%time.Second != 0 {
		d, err = exact, nil
	}
	if err != nil {
		return fmt.Errorf("a duration cannot be %q: %w", short(text), err)
	}
	*s = span(d)
	return nil
}

// strictly decodes JSON like the bodies of requests: unknown names are errors.
func strictly(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func (r Request) MarshalJSON() ([]byte, error) {
	type plain Request
	return json.Marshal(struct {
		plain
		In span `json:"in,omitempty"`
	}{plain(r), span(r.In)})
}

func (r *Request) UnmarshalJSON(b []byte) error {
	type plain Request
	v := struct {
		*plain
		In span `json:"in,omitempty"`
	}{plain: (*plain)(r)}
	err := strictly(b, &v)
	r.In = time.Duration(v.In)
	return err
}

func (h Holding) MarshalJSON() ([]byte, error) {
	type plain Holding
	return json.Marshal(struct {
		plain
		For span `json:"for,omitempty"`
	}{plain(h), span(h.For)})
}

func (h *Holding) UnmarshalJSON(b []byte) error {
	type plain Holding
	v := struct {
		*plain
		For span `json:"for,omitempty"`
	}{plain: (*plain)(h)}
	err := strictly(b, &v)
	h.For = time.Duration(v.For)
	return err
}

func (f Forgetting) MarshalJSON() ([]byte, error) {
	type plain Forgetting
	return json.Marshal(struct {
		plain
		Older span `json:"older,omitempty"`
	}{plain(f), span(f.Older)})
}

func (f *Forgetting) UnmarshalJSON(b []byte) error {
	type plain Forgetting
	v := struct {
		*plain
		Older span `json:"older,omitempty"`
	}{plain: (*plain)(f)}
	err := strictly(b, &v)
	f.Older = time.Duration(v.Older)
	return err
}

// Draining is a request for a drain.
type Draining struct {
	For time.Duration `json:"for,omitempty"` // "10m"; 0: until it is ended
}

func (d Draining) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		For span `json:"for,omitempty"`
	}{span(d.For)})
}

func (d *Draining) UnmarshalJSON(b []byte) error {
	var v struct {
		For span `json:"for,omitempty"`
	}
	err := strictly(b, &v)
	d.For = time.Duration(v.For)
	return err
}
