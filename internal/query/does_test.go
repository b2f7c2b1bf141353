package query

import (
	"testing"

	"rota/runner"
)

func TestDoes(t *testing.T) {
	for _, c := range []struct {
		action runner.Action
		want   string
	}{
		{&runner.Command{Text: "cd /srv &&\n\tmake  all"}, "cd /srv && make all"},
		{&runner.Command{Argv: []string{"rsync", "-a", "/x"}}, "rsync -a /x"},
		{&runner.Log{Message: "hello"}, "log hello"},
		{&runner.HTTP{URL: "https://ada:hunter2@example.org/x?token=t#f"}, "http GET https://example.org/x"},
		{&runner.HTTP{Method: "POST", URL: "https://example.org"}, "http POST https://example.org"},
		{&runner.Write{Path: "/tmp/x"}, "write /tmp/x"},
		{&runner.Clean{Path: "/tmp/x"}, "clean /tmp/x"},
		{&runner.Mail{To: []string{"a@example.org", "b@example.org"}}, "mail a@example.org, b@example.org"},
	} {
		if got := Does(c.action); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
