package control

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"rota/internal/api"
	"rota/internal/escape"
)

// refusal is the JSON of an error response.
type refusal struct {
	Error *api.Error `json:"error"`
}

// statuses maps the codes of errors to HTTP statuses. A code without an entry is 500.
var statuses = map[api.Code]int{
	api.Usage:     http.StatusBadRequest,
	api.Forbidden: http.StatusForbidden,
	api.NotFound:  http.StatusNotFound,
	api.Conflict:  http.StatusConflict,
	api.File:      http.StatusUnprocessableEntity,
	api.NotNow:    http.StatusServiceUnavailable,
}

// wireError returns an error in the form that is sent.
func wireError(err error) *api.Error {
	var e *api.Error
	if errors.As(err, &e) {
		sent := *e
		sent.Code = cmp.Or(e.Code, api.Failed)
		return &sent
	}
	return &api.Error{Code: api.Failed, Message: err.Error()}
}

// fail sends an error.
func fail(w http.ResponseWriter, err error) { failPartly(w, err, struct{}{}) }

// failPartly sends an error with the fields of done, which was done before the error.
func failPartly(w http.ResponseWriter, err error, done any) {
	e := wireError(err)
	status := cmp.Or(statuses[e.Code], http.StatusInternalServerError)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	fields := map[string]any{}
	if text, err := json.Marshal(done); err == nil {
		var beside map[string]json.RawMessage
		if json.Unmarshal(text, &beside) == nil {
			for name, value := range beside {
				fields[name] = value
			}
		}
	}
	fields["error"] = e
	answer(w, status, fields)
}

// answer sends a value as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	text, status := inJSON(v, status)
	send(w, status, text)
}

// nonNil returns the list, or an empty one for nil, which JSON would write as null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// list is an answer with a list. If some elements cannot be written as JSON, writable
// returns the answer without them.
type list interface{ writable() any }

// writable returns the elements that can be written as JSON.
func writable[T any](all []T) []T {
	return slices.DeleteFunc(slices.Clone(all), func(e T) bool {
		_, err := json.Marshal(e)
		return err != nil
	})
}

// inJSON returns a value as JSON, or as the JSON of an error if it cannot be written.
func inJSON(v any, status int) ([]byte, int) {
	b := jsonBuffers.Get().(*bytes.Buffer)
	defer jsonBuffers.Put(b)
	b.Reset()
	err := json.NewEncoder(b).Encode(v)
	if l, ok := v.(list); ok && err != nil {
		b.Reset()
		err = json.NewEncoder(b).Encode(l.writable())
	}
	if err != nil {
		status = http.StatusInternalServerError
		b.Reset()
		json.NewEncoder(b).Encode(refusal{wireError(err)})
	}
	return bytes.Clone(b.Bytes()), status
}

// jsonBuffers are buffers in which answers are made.
var jsonBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// send sends a text as JSON.
func send(w http.ResponseWriter, status int, text []byte) {
	sendAs(w, status, "application/json", text)
}

// sendAs sends a text with a content type.
func sendAs(w http.ResponseWriter, status int, kind string, text []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	// The deadline is for this answer; the next one on the connection sets its own.
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
	w.WriteHeader(status)
	w.Write(text)
}

// shorten shortens a text from outside so that a message can quote it.
func shorten(s string) string { return escape.Cut(s, 80) }
