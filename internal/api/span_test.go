package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Durations are texts in JSON, which say the same when they are read again; numbers are
// nanoseconds, as ever.
func TestDurationsInJSON(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
		old  string // as older clients write it
	}{
		{Request{Task: "t", In: 5 * time.Second, Params: map[string]string{"a": "b"}}, `{"task":"t","params":{"a":"b"},"in":"5s"}`, `{"task":"t","params":{"a":"b"},"in":5000000000}`},
		{Request{Task: "t", In: 36 * time.Hour}, `{"task":"t","in":"1d12h"}`, `{"task":"t","in":129600000000000}`},
		{Request{Task: "t", In: 1500 * time.Millisecond}, `{"task":"t","in":"1.5s"}`, `{"task":"t","in":1500000000}`},
		{Request{Task: "t"}, `{"task":"t"}`, `{"task":"t","in":0}`},
		{Holding{All: true, For: 2 * time.Hour}, `{"all":true,"for":"2h"}`, `{"all":true,"for":7200000000000}`},
		{Forgetting{Task: "t", Older: 90 * 24 * time.Hour}, `{"task":"t","older":"`, `{"task":"t","older":7776000000000000}`},
		{Draining{For: 10 * time.Minute}, `{"for":"10m"}`, `{"for":600000000000}`},
		{Draining{}, `{}`, `{}`},
	} {
		b, err := json.Marshal(c.v)
		if err != nil || !strings.HasPrefix(string(b), c.want) {
			t.Errorf("%+v: %s, %v, want %s", c.v, b, err, c.want)
		}
		for _, text := range []string{string(b), c.old} {
			again := reflect.New(reflect.TypeOf(c.v))
			if err := json.Unmarshal([]byte(text), again.Interface()); err != nil || !reflect.DeepEqual(again.Elem().Interface(), c.v) {
				t.Errorf("%s: %+v, %v, want %+v", text, again.Elem(), err, c.v)
			}
		}
	}
	for text, want := range map[string]string{
		`{"task":"t","in":"5"}`:      `a duration cannot be "5": `,
		`{"task":"t","in":"soon"}`:   `a duration cannot be "soon": `,
		`{"task":"t","in":true}`:     `a duration must be a string such as "90s", "15m" or "2h", not true`,
		`{"task":"t","within":"5s"}`: `unknown field "within"`,
	} {
		if err := json.Unmarshal([]byte(text), new(Request)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
