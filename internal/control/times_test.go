package control_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
)

// Every time in an address is bounded.
func TestTimesInAddresses(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/v1/next?until=", "/v1/runs?since=", "/v1/why?task=mail&at="} {
		for when, want := range map[string]int{
			"9998-12-31T23:59:59Z": 200, "1970-01-01T00:00:00Z": 200,
			"9999-12-31T23:59:59-05:00": 400, "9999-12-31T23:59:59Z": 400, "0001-06-01T00:00:00Z": 400, "1969-12-31T23:59:59Z": 400,
		} {
			r, err := http.NewRequest("GET", "http://rota"+path+when, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, text, _ := h.ask(t, r); got != want {
				t.Errorf("%s%s: %d %s, want %d", path, when, got, text, want)
			}
		}
	}
}

// unsound is a rota among whose runs is one that cannot be written as JSON.
type unsound struct {
	*controltest.Fake
	bad api.Run
}

func (u unsound) Runs(ctx context.Context, q api.RunQuery) ([]api.Run, error) {
	runs, err := u.Fake.Runs(ctx, q)
	return append(runs, u.bad), err
}

func (u unsound) Tasks(ctx context.Context, names ...string) ([]api.Task, error) {
	tasks, err := u.Fake.Tasks(ctx, names...)
	return append(tasks, api.Task{Task: "far", Next: u.bad.Scheduled}), err
}

func (u unsound) Next(ctx context.Context, q api.NextQuery) ([]api.Slot, error) {
	slots, err := u.Fake.Next(ctx, q)
	return append(slots, api.Slot{Task: "far", At: u.bad.Scheduled}), err
}

// One row that cannot be written ends no list and no stream.
func TestUnwritableRows(t *testing.T) {
	fake := controltest.NewFake("mail")
	service := unsound{fake, api.Run{ID: "far/x", Task: "far", Scheduled: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}
	request(t, fake, "mail", "a", false)
	h := &house{fake: fake, server: control.NewServer(control.Options{Service: service}), socket: filepath.Join(t.TempDir(), "rota.sock")}
	socket, err := control.OpenSocket(h.socket, "")
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, socket)
	for path, name := range map[string]string{"/v1/runs": "runs", "/v1/tasks": "tasks", "/v1/next": "next"} {
		r, err := http.NewRequest("GET", "http://rota"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		status, text, _ := h.ask(t, r)
		var answer map[string][]any
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 || strings.Contains(text, "far") || answer[name] == nil {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	messages, err := client(t, control.Target{Socket: h.socket}).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fake.Publish(api.Message{Run: &service.bad})
	fake.Publish(api.Message{Run: &api.Run{ID: "mail/b", Task: "mail"}})
	if m, ok := <-messages; !ok || m.Run == nil || m.Run.ID != "mail/b" {
		t.Errorf("after one that cannot be written: %+v, %v", m, ok)
	}
}
