package runner

import (
	"strings"
	"testing"
)

func TestLog(t *testing.T) {
	for _, test := range []struct {
		log       Log
		want, err string
	}{
		{log: Log{Message: "send the invoices"}, want: "send the invoices\n"},
		{log: Log{Message: "ends already\n"}, want: "ends already\n"},
		{log: Log{Message: "plain", Level: "info"}, want: "plain\n"},
		{log: Log{Message: "low disk on {{.Host}}", Level: "warn"}, want: "warn: low disk on box\n"},
		{log: Log{Message: "x", Level: "debug"}, want: "debug: x\n"},
		{log: Log{Message: "x", Level: "error"}, want: "error: x\n"},
		{log: Log{Message: "two\nlines"}, want: "two\nlines\n"},
		{log: Log{Message: "{{.Params.nosuch}}"}, err: "message: template: line 1:9:"},
	} {
		wantProblems(t, test.log, test.log.Check())
		var out strings.Builder
		err := test.log.Run(t.Context(), sampleInput(), &out)
		if out.String() != test.want || !matches(err, test.err) {
			t.Errorf("%+v: %q, %v", test.log, out.String(), err)
		}
	}
}

func TestLogFaults(t *testing.T) {
	for _, test := range []struct {
		log  Log
		want []string
	}{
		{Log{}, []string{"message: message is empty"}},
		{Log{Message: "x", Level: "warning"}, []string{`level: unknown level "warning"`}},
		{Log{Message: "{{.X}}", Level: "WARN"}, []string{"level: unknown level", "message: template: unknown field .X"}},
	} {
		wantProblems(t, test.log, test.log.Check(), test.want...)
	}
}
