package runner

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/internal/mail"
)

// sampleInput is a run with a value in every field that a template sees.
func sampleInput() Input {
	return Input{
		Task: "backup", Run: "backup/20261122T013000Z", Attempt: 2, Host: "box",
		Scheduled: time.Date(2026, 11, 22, 2, 30, 0, 0, time.FixedZone("CET", 3600)),
		Started:   time.Date(2026, 11, 22, 2, 30, 1, 0, time.FixedZone("CET", 3600)),
		Params:    map[string]string{"day": "so & so", "up": ".."},
	}
}

func TestTemplate(t *testing.T) {
	for _, test := range []struct{ text, want, err string }{
		{text: "", want: ""},
		{text: "no template {", want: "no template {"},
		{text: "{{.Task}} {{.Run}} {{.Attempt}} {{.Host}}", want: "backup backup/20261122T013000Z 2 box"},
		{text: "{{.Scheduled}}", want: "2026-11-22 02:30:00 +0100 CET"},
		{text: `{{.Scheduled.Format "2006-01-02"}} {{.Started.UTC.Hour}}`, want: "2026-11-22 1"},
		{text: "{{.Params.day}}", want: "so & so"},
		{text: "{{.Params.night}}", err: `line 1:9: executing "text" at <.Params.night>: map has no entry for key "night"`},
		{text: `{{index .Params "night"}}`, want: ""}, // the way to a parameter that may be absent
		{text: "{{with .Params}}{{.day}}{{$.Task}}{{end}}", want: "so & sobackup"},
		{text: "{{range $k, $v := .Params}}{{$k}}={{.}};{{end}}", want: "day=so & so;up=..;"},
		{text: `{{define "x"}}[{{.}}]{{end}}{{template "x" .Task}}`, want: "[backup]"},
		{text: `{{date "2 Jan 15:04 MST" .Scheduled}} {{.Started | date "05"}}`, want: "22 Nov 02:30 CET 01"},
		{text: `{{upper .Task}} {{" x\n" | trim}}. {{.Params.day | urlquery}} {{json .Task}}`, want: `BACKUP x. so+%26+so "backup"`},
		{text: `{{upper .Outcome}}{{duration .Took}}`, want: "0s"}, // an outcome is no string
		{text: `{{duration 5400}} {{duration "90"}} {{duration "61.4s"}} {{duration "1234ms"}} {{duration "1234us"}} {{duration "26h"}} {{duration "-1h1s"}}`, want: "1h30m 1m30s 1m1s 1.2s 1ms 26h -1h0m1s"},
		{text: `{{duration .Task}}`, err: `"backup" is neither a duration nor a number of seconds`},
		{text: `{{range 100000000}}{{printf "%100000d" .}}{{end}}`, err: "result is larger than 16 MiB"},
	} {
		if p := checkTemplate("text", test.text); len(p) > 0 {
			t.Errorf("%s: Check: %v", test.text, p)
		}
		got, err := render(t.Context(), "text", test.text, sampleInput())
		if got != test.want || !matches(err, test.err) {
			t.Errorf("%s: %q, %v; want %q, %s", test.text, got, err, test.want, test.err)
		}
	}
}

// The times in templates are in the zone of the task, wherever they come from, and also
// after they were sent as JSON to a shim or helper.
func TestTemplateZone(t *testing.T) {
	in := sampleInput()
	in.Scheduled, in.Started = in.Scheduled.UTC(), time.Time{}
	for zone, want := range map[string]string{
		"":                 "02:30 UTC",
		"UTC":              "02:30 UTC",
		"Europe/Berlin":    "03:30 CET",
		"America/New_York": "21:30 EST",
		"Nowhere/Such":     "02:30 UTC",
	} {
		in.Scheduled, in.Zone = time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC), zone
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var there Input
		if err := json.Unmarshal(text, &there); err != nil {
			t.Fatal(err)
		}
		for _, in := range []Input{in, there} {
			if got, err := render(t.Context(), "text", "{{.Scheduled.Format `15:04 MST`}}{{if not .Started.IsZero}}!{{end}}{{date `15:04` .Started}}", in); got != want || err != nil {
				t.Errorf("%s: %q, %v; want %q", zone, got, err, want)
			}
		}
	}
}

func TestTemplateFaults(t *testing.T) {
	for text, want := range map[string]string{
		"{{.Taks}}":                                   "unknown field .Taks",
		"\n{{":                                        "line 2: unclosed action",
		"{{nosuch 1}}":                                `line 1: function "nosuch" not defined`,
		"{{if .Atempt}}x{{end}}":                      "unknown field .Atempt",
		"{{if false}}{{.Atempt}}{{end}}":              "unknown field .Atempt",
		"{{if true}}{{else}}{{.Atempt}}{{end}}":       "unknown field .Atempt",
		"{{if false}}{{else if .X}}{{end}}":           "unknown field .X",
		"{{.Scheduled.Fromat}}":                       "unknown field .Scheduled.Fromat",
		"{{(.Scheduled).Fromat}}":                     "unknown field .Fromat",
		"{{.Scheduled.UTC.Yaer}}":                     "unknown field .Scheduled.UTC.Yaer",
		"{{.Scheduled.wall}}":                         "unknown field .Scheduled.wall",
		"{{.Task.Name}}":                              "unknown field .Task.Name",
		"{{printf `%s` .Nmae | len}}":                 "unknown field .Nmae",
		"{{with .Scheduled}}{{.Task}}{{end}}":         "unknown field .Task",
		"{{with .Task}}{{else}}{{.Tsk}}{{end}}":       "unknown field .Tsk",
		"{{range .Params}}{{.Name}}{{end}}":           "unknown field .Name",
		"{{range .Params}}{{$.Tsak}}{{end}}":          "unknown field .Tsak",
		"{{$x := .Nmae}}":                             "unknown field .Nmae",
		`{{define "x"}}{{end}}{{template "x" .Nmae}}`: "unknown field .Nmae",
		"{{date `%Y-%m-%d` .Started}}":                `date: "%Y-%m-%d" is a format of date(1)`,
		"{{.Started | date `%Y`}}":                    `date: "%Y" is a format of date(1)`,
		"{{.Policy.Mode}}":                            "unknown field .Policy.Mode", // of Input, but not for templates
	} {
		p := checkTemplate("text", text)
		if len(p) != 1 || p[0].Key != "text" || !strings.Contains(p[0].Msg, want) {
			t.Errorf("%s: %v, want %s", text, p, want)
		}
	}
}

func TestParamUses(t *testing.T) {
	for text, want := range map[string][]ParamUse{
		"":                       nil,
		"Params.a {{.Task}}":     nil,
		"{{.Params.a}}":          {{"message", "a"}},
		"{{.Params.a.b}}":        {{"message", "a"}},
		"{{with .Params}}{{.a}}": nil, // no template
		"{{with .Params}}{{.a}}{{end}}{{$.Params.b}}{{.Params.a}}": {{"message", "a"}, {"message", "b"}},
		"{{if .Params.a}}{{printf `%s` .Params.b | len}}{{end}}":   {{"message", "a"}, {"message", "b"}},
		"{{range .Params}}{{.}}{{end}}{{index .Params `a`}}":       nil, // cannot be known from the text
	} {
		if got := ParamUses(&Log{Message: text}); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	got := ParamUses(&HTTP{URL: "https://example.org/{{.Params.a | urlquery}}", Body: "{{.Params.b}}"})
	if want := []ParamUse{{"url", "a"}, {"body", "b"}}; !slices.Equal(got, want) {
		t.Errorf("http: %v, want %v", got, want)
	}
	got = ParamUses(&Write{Text: "{{.Params.a}}", TemplateFile: "{{.Params.b}}"})
	if want := []ParamUse{{"text", "a"}}; !slices.Equal(got, want) {
		t.Errorf("write: %v, want %v", got, want)
	}
	if got := ParamUses(&Command{Text: "{{.Params.a}}"}); got != nil {
		t.Errorf("command: %v", got)
	}
}

func TestTemplateEndsWithContext(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := render(ctx, "text", "{{range 1000000000}}x{{end}}", Input{}); !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause of the context", err)
	}
}

// A forked run gets its action as JSON.
func TestActionsSurviveJSON(t *testing.T) {
	for _, a := range []interface {
		Action
		Check() []Problem
	}{
		&Log{Message: "x <&> {{.Task}}", Level: "warn"},
		&HTTP{URL: "https://h/", Method: "PUT", Headers: map[string]string{"A": "b"}, Body: "b", Expect: []string{"200-299", "404"}, ExpectBody: "x", Save: "/s"},
		&HTTP{URL: "https://h/", BodyFile: "/b"},
		&Write{Path: "/p", Text: "t", Mode: 0o600, IfChanged: true},
		&Write{Path: "/p", TemplateFile: "/t", Append: true},
		&Mail{To: []string{"a@b.c"}, Subject: "s", Body: "b", AttachOutput: true, Server: mail.Server{Host: "h", Port: 25, TLS: "none", From: "a@b.c", User: "u", PasswordFile: "/p"}},
		&Clean{Path: "/p", Match: []string{"*.log"}, OlderThan: time.Hour, Recursive: true, Keep: 3, Dry: true},
	} {
		if p := a.Check(); len(p) > 0 {
			t.Errorf("%+v: %v", a, p)
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(a).Elem()).Interface()
		if err := json.Unmarshal(text, back); err != nil || !reflect.DeepEqual(a, back) {
			t.Errorf("%+v came back as %+v, %v", a, back, err)
		}
	}
}

// matches reports whether err has the text want; "" is no error.
func matches(err error, want string) bool {
	if want == "" || err == nil {
		return want == "" && err == nil
	}
	return strings.Contains(err.Error(), want)
}

// wantProblems holds what Check says against "key: message" each.
func wantProblems(t *testing.T, a any, got []Problem, want ...string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		key, msg, _ := strings.Cut(want[i], ": ")
		ok = got[i].Key == key && strings.Contains(got[i].Msg, msg)
	}
	if !ok {
		t.Errorf("%+v:\n got %+v\nwant %q", a, got, want)
	}
}

// Check takes any text without a panic, and misses no unknown field of the run
// that comes to be used.
func FuzzTemplate(f *testing.F) {
	f.Add("{{with .Params}}{{.day}}{{end}}{{(.Scheduled.UTC).Year}}")
	f.Add(`{{define "x"}}{{.Nosuch}}{{end}}{{template "x" $.Task}}`)
	f.Add("{{range $i, $c := .Params}}{{break}}{{else}}{{.Attempt | printf `%d`}}{{end}}")
	f.Fuzz(func(t *testing.T, text string) {
		if len(checkTemplate("text", text)) > 0 {
			return
		}
		for _, word := range []string{"range", "template", "block", ":="} {
			if strings.Contains(text, word) {
				return // an empty loop does not end; the dot of a template or variable is not known to Check
			}
		}
		_, err := render(t.Context(), "text", text, sampleInput())
		if err != nil && strings.Contains(err.Error(), "in type runner.templateData") {
			t.Errorf("%q passes Check: %v", text, err)
		}
	})
}
