package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
	"rota/runner"
)

// FuzzRequest: a request is valid for a task, or a Usage error; a request that is encoded
// again is decoded to the same value.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"task":"echo","id":"a","params":{"word":"x"}}`, `{"task":"echo","at":"2026-11-22T02:30:00Z"}`,
		`{"task":"echo","in":3600000000000}`, `{"task":"echo","in":-1}`, `{"task":"echo","id":".."}`, `{"task":"../echo"}`,
		`{"task":"echo","params":{"a":"\u0000"}}`, `{"task":"echo","params":{"a":"\ud800"}}`, `{"task":"echo"}{}`, "\xff", `{"TASK":"echo"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r api.Request
		if err := control.Decode(bytes.NewReader(text), &r); err != nil {
			if api.CodeOf(err) != api.Usage {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if err := r.Check(); err != nil {
			if code := api.CodeOf(err); code != api.Usage && code != api.NotFound || !utf8.ValidString(err.Error()) {
				t.Fatalf("%q: %q", text, err)
			}
			return
		}
		if task, key := runner.SplitID(r.Task + "/" + r.Key); task != r.Task || key != r.Key || r.Key == ".." {
			t.Fatalf("%q is the id %s", text, r.Task+"/"+r.Key)
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var same api.Request
		if err := control.Decode(bytes.NewReader(again), &same); err != nil {
			t.Fatalf("%q as %q: %v", text, again, err)
		}
		if last, err := json.Marshal(same); err != nil || !bytes.Equal(again, last) {
			t.Fatalf("%q is %q and then %q (%v)", text, again, last, err)
		}
	})
}

// FuzzForm: a form is a request and input, or a Usage error; the input is never
// more than was sent.
func FuzzForm(f *testing.F) {
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n{\"id\":\"a\"}\r\n--x\r\nContent-Disposition: form-data; name=\"input\"\r\n\r\nhello\r\n--x--"))
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"input\"\r\n\r\nhalf"))
	f.Add([]byte("--x\r\n\r\n--x--"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, input, err := control.ReadForm(bytes.NewReader(text), "x")
		if err != nil {
			if api.CodeOf(err) != api.Usage {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if input != nil {
			got, err := io.ReadAll(input)
			if !bytes.Contains(text, got) || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "multipart") {
				t.Fatalf("%q: the input is %q, %v", text, got, err)
			}
		}
	})
}

// FuzzAddress: the answer to any address is JSON, and a caller who may see one task gets
// nothing about another.
func FuzzAddress(f *testing.F) {
	for _, path := range []string{
		"/v1/status", "/v1/tasks", "/v1/tasks?task=echo&task=hidden", "/v1/tasks/hidden", "/v1/runs/hidden/a/result", "/v1/runs/echo%2F..%2Fhidden/a",
		"/metrics", "/health", "/health/hidden", "/health?tag=hidden", "/healthz", "/readyz", "/v1/runs?task=hidden", "/v1/runs?n=5", "/v1/next?until=2030-01-01T00:00:00Z", "/v1/why?task=hidden", "/v1/tasks/hidden/log", "/v1/queues?queue=*",
	} {
		f.Add(path)
	}
	fake := controltest.NewFake("hidden")
	if _, err := fake.Request(context.Background(), api.Request{Task: "hidden", Key: "a"}, strings.NewReader("a secret")); err != nil {
		f.Fatal(err)
	}
	if _, err := fake.Request(context.Background(), api.Request{Task: "echo", Key: "a"}, strings.NewReader("a word")); err != nil {
		f.Fatal(err)
	}
	server := control.NewServer(control.Options{
		Service: fake,
		TokenOf: func(string) (runner.Run, bool) { return runner.Run{ID: "echo/a", Task: "echo"}, true },
	})
	handler := server.Handler(f)
	f.Fuzz(func(t *testing.T, address string) {
		u, err := url.ParseRequestURI(address)
		if err != nil || strings.HasPrefix(u.Path, "/v1/events") || strings.Contains(address, "follow") {
			return
		}
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.URL, r.Host = u, "localhost"
		bearer(runToken)(r)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		text := w.Body.String()
		leaked := strings.Contains(text, "hidden") && !strings.Contains(u.Path+u.RawQuery, "hidden") && !strings.Contains(u.RawQuery, "%")
		if w.Code >= 500 || leaked || strings.Contains(text, "a secret") {
			t.Fatalf("%s: %d %s", address, w.Code, text)
		}
		kind := w.Header().Get("Content-Type")
		if w.Code == 200 && (kind == "application/json") != json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s: %s %s", address, kind, text)
		}
	})
}
