package control

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// id returns the name of the run, or of the task, that the address says.
func (c call) id() (string, error) {
	task, key := c.r.PathValue("task"), c.r.PathValue("key")
	switch {
	case !api.IsTask(task):
		return "", api.Errorf(api.NotFound, "", "no task %q", short(task))
	case key == "":
		return task, nil
	case !api.IsRunKey(key):
		return "", api.Errorf(api.NotFound, "", "no run %q", short(task+"/"+key))
	}
	return task + "/" + key, nil
}

// How many are told at once.
const (
	maxRuns  = 100_000
	maxSlots = 10_000 // of each task
)

// query reads the parameters of an address. The first that is wrong is its err.
type query struct {
	values url.Values
	err    error
}

// query returns the parameters, which are all among those known.
func (c call) query(known ...string) *query {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return &query{err: api.Errorf(api.Usage, "", "the address: %v", err)}
	}
	q := &query{values: values}
	for name := range values {
		if !slices.Contains(known, name) {
			q.err = api.Errorf(api.Usage, "", "unknown parameter %q", short(name))
		}
	}
	return q
}

// list returns all values of a parameter.
func (q *query) list(name string) []string { return q.values[name] }

// one returns the value of a parameter; "" if there is none.
func (q *query) one(name string) string {
	if len(q.values[name]) > 1 {
		q.wrong(name, "is given twice")
	}
	return q.values.Get(name)
}

func (q *query) wrong(name, how string) {
	if q.err == nil {
		q.err = api.Errorf(api.Usage, "", "%s %s", name, how)
	}
}

// number returns a number from 0 to most; 0 if there is none.
func (q *query) number(name string, most int) int {
	text := q.one(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		q.wrong(name, "is no number")
	}
	if n > uint64(most) {
		q.wrong(name, "is more than "+strconv.Itoa(most))
	}
	return int(n)
}

// time returns an instant; zero if there is none.
func (q *query) time(name string) time.Time {
	text := q.one(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		q.wrong(name, "is not like 2026-11-22T02:30:00Z")
	}
	if err := api.CheckTime(name, t); err != nil && q.err == nil {
		q.err = err
	}
	return t
}

// flag reports whether a parameter is 1.
func (q *query) flag(name string) bool {
	text := q.one(name)
	if text != "" && text != "0" && text != "1" {
		q.wrong(name, "is neither 0 nor 1")
	}
	return text == "1"
}

// words turns texts into states or outcomes.
func words[T ~string](texts []string) (list []T) {
	for _, text := range texts {
		list = append(list, T(text))
	}
	return list
}

// runQuery reads which runs are asked for.
func (q *query) runQuery() api.RunQuery {
	return api.RunQuery{
		Task:     q.one("task"),
		States:   words[runner.State](q.list("state")),
		Outcomes: words[runner.Outcome](q.list("outcome")),
		Since:    q.time("since"),
		N:        q.number("n", maxRuns),
	}
}

// body reads the JSON that was sent; nothing is {}.
func (c call) body(v any) error {
	timer := http.NewResponseController(c.w)
	timer.SetReadDeadline(time.Now().Add(bodyTime))
	// What comes after the body is the next request, with a time of its own.
	defer timer.SetReadDeadline(time.Time{})
	return decode(http.MaxBytesReader(c.w, c.r.Body, maxBody), v)
}

// decode reads one JSON object, without names that it does not know.
func decode(in io.Reader, v any) error {
	d := json.NewDecoder(in)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.Join(more, errors.New("there is more than one"))
		}
	}
	var large *http.MaxBytesError
	switch {
	case err == nil || err == io.EOF:
		return nil
	case errors.As(err, &large):
		return api.Errorf(api.Usage, "give what is large as input", "the request is larger than %d KiB", maxBody>>10)
	}
	return api.Errorf(api.Usage, "", "the request is not the JSON that is wanted: %v", err)
}
