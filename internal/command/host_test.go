package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rota/config"
)

// machine makes files below a directory, 0600 unless a mode stands behind a blank
// in the name: all may read the file, or the directory that holds it is open to
// everybody.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name, mode, _ := strings.Cut(name, " ")
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "ROOT", root)), 0o600); err != nil {
			t.Fatal(err)
		}
		if mode == "open" {
			if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if mode == "all" {
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// seenOn is what check --host says, one complaint on each line.
func seenOn(t *testing.T, root string) string {
	t.Helper()
	cfg, err := config.Load(filepath.Join(root, "jobs.toml"), config.Options{TrustFile: true})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range onHost(cfg, false, root) {
		kind := "error"
		if f.Warning {
			kind = "warning"
		}
		lines = append(lines, fmt.Sprintf("%d:%d %s: %s", f.Line, f.Col, kind, strings.ReplaceAll(f.Msg, root, "ROOT")))
	}
	return strings.Join(lines, "\n")
}

func TestOnHost(t *testing.T) {
	const forked = "[tasks.a]\nmode = \"forked\"\ncommand = \"true\"\n"
	unitOf := func(lines string) string {
		return "[Service]\nExecStart=/usr/bin/rota daemon --config ROOT/jobs.toml\n" + lines
	}
	for _, c := range []struct {
		name      string
		fileNames map[string]string
		want      string
	}{
		{"nothing is wrong", map[string]string{"jobs.toml": "[tasks.a]\ncommand = \"true\"\n"}, ""},
		{"faults stand at their keys, in order", map[string]string{"jobs.toml": "[tasks.b]\ndir = \"/no-such\"\ncommand = \"true\"\n[tasks.a]\ncommand = \"true\"\nsecrets = { K = \"file:/no-such\" }\n"},
			"2:7 error: /no-such does not exist\n6:17 error: open /no-such: no such file or directory"},
		{"what [defaults] say is said once", map[string]string{"jobs.toml": "[defaults]\ndir = \"/no-such\"\n[tasks.a]\ncommand = \"true\"\n[tasks.b]\ncommand = \"true\"\n"},
			"2:7 error: /no-such does not exist"},
		{"a task that is not enabled", map[string]string{"jobs.toml": "[tasks.a]\nenabled = false\ndir = \"/no-such\"\ncommand = \"true\"\n"},
			"3:7 warning: /no-such does not exist"},
		{"a target", map[string]string{"jobs.toml": "[notify.x]\ncommand = [\"/no-such\"]\n[tasks]\n"}, "2:11 error: /no-such does not exist"},
		{"a password", map[string]string{"jobs.toml": "[smtp]\nhost = \"localhost\"\nuser = \"u\"\npassword_file = \"/no-such\"\n[tasks]\n"},
			"4:17 error: password_file: open /no-such: no such file or directory"},
		{"a state directory that everybody can change", map[string]string{"state/x open": "", "jobs.toml": "[rota]\nstate_dir = \"state\"\n[tasks]\n"},
			"2:13 error: ROOT/state: anybody may change the directory"},
		{"a directory of the socket that everybody can change", map[string]string{"run/x open": "", "jobs.toml": "[rota]\nstate_dir = \"state\"\nsocket = \"run/rota.sock\"\n[tasks]\n"},
			"3:10 error: ROOT/run: anybody may change the directory"},
		{"a token that is not there", map[string]string{"jobs.toml": "[web]\ntokens.a = { file = \"t\" }\n[tasks]\n"}, "2:21 error: open ROOT/t: no such file or directory"},
		{"a token that all know", map[string]string{"t all": "0123456789abcdef", "jobs.toml": "[web]\ntokens.a = { file = \"t\" }\n[tasks]\n"}, "2:21 error: everyone may read or write ROOT/t"},
		{"a token that is too short", map[string]string{"t": "0123456789abcde\n", "jobs.toml": "[web]\ntokens.a = { file = \"t\" }\n[tasks]\n"}, "2:21 error: the token in ROOT/t is shorter than 16 characters"},
		{"a token", map[string]string{"t": "0123456789abcdef\n", "jobs.toml": "[web]\ntokens.a = { file = \"t\" }\n[tasks]\n"}, ""},
		{"a certificate", map[string]string{"k all": "k", "jobs.toml": "[web]\ntls_cert = \"c\"\ntls_key = \"k\"\n[tasks]\n"},
			"2:12 error: open ROOT/c: no such file or directory\n3:11 error: everyone may read or write ROOT/k"},

		{"forked runs and no unit", map[string]string{"jobs.toml": forked}, ""},
		{"forked runs and a unit that spares them", map[string]string{"jobs.toml": forked, "etc/systemd/system/rota.service": unitOf("KillMode=process\n")}, ""},
		{"forked runs and a unit that does not say", map[string]string{"jobs.toml": forked, "etc/systemd/system/rota.service": unitOf("")},
			"2:8 warning: rota.service has KillMode=control-group: a stop of rota ends forked runs, too"},
		{"a drop-in", map[string]string{"jobs.toml": forked, "lib/systemd/system/rota.service": unitOf("KillMode=process\n"), "etc/systemd/system/rota.service.d/x.conf": "[Service]\nKillMode=mixed\n"},
			"2:8 warning: rota.service has KillMode=mixed: a stop of rota ends forked runs, too"},
		{"one drop-in hides another", map[string]string{"jobs.toml": forked, "lib/systemd/system/rota.service": unitOf("KillMode=process\n"),
			"etc/systemd/system/rota.service.d/x.conf": "", "lib/systemd/system/rota.service.d/x.conf": "[Service]\nKillMode=mixed\n"}, ""},
		{"one unit hides another", map[string]string{"jobs.toml": forked, "lib/systemd/system/rota.service": unitOf(""), "etc/systemd/system/rota.service": unitOf("KillMode=none\n")}, ""},
		{"the unit of another file", map[string]string{"jobs.toml": forked, "etc/systemd/system/rota.service": "[Service]\nExecStart=/usr/bin/rota daemon -c /no-such\n"}, ""},
		{"no forked runs", map[string]string{"jobs.toml": "[tasks.a]\ncommand = \"true\"\n", "etc/systemd/system/rota.service": unitOf("")}, ""},

		{"a double", map[string]string{"jobs.toml": "[tasks.a]\ninterval = \"5m\"\ncommand = \"echo  hello\"\n", "etc/crontab": "# a\nSHELL=/bin/sh\n17 * * * * root echo hello\n"},
			"3:11 warning: also in /etc/crontab:3: it would run twice"},
		{"a double of a user", map[string]string{"jobs.toml": "[tasks.a]\ninterval = \"5m\"\ncommand = [\"echo\", \"hello\"]\n", "var/spool/cron/crontabs/joe": "@daily echo hello\n"},
			"3:11 warning: also in /var/spool/cron/crontabs/joe:1: it would run twice"},
		{"a double in a directory", map[string]string{"jobs.toml": "[tasks.a]\ninterval = \"5m\"\ncommand = \"date +%F\"\n", "etc/cron.d/x": "@daily root date +\\%F%stdin\n", "etc/cron.d/y.bak": "@daily root true\n"},
			"3:11 warning: also in /etc/cron.d/x:1: it would run twice"},
		{"a file that cron leaves alone", map[string]string{"jobs.toml": "[tasks.a]\ninterval = \"5m\"\ncommand = \"true\"\n", "etc/cron.d/y.bak": "@daily root true\n"}, ""},
		{"a double of run-parts", map[string]string{"jobs.toml": "[tasks.a]\nat = \"06:25\"\ncommand = [\"run-parts\", \"--report\", \"/etc/cron.daily/\"]\n",
			"etc/crontab": "25 6 * * * root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n"},
			"3:11 warning: /etc/cron.daily is also run by run-parts in /etc/crontab:1: its scripts would run twice"},
		{"a double of one of its parts", map[string]string{"jobs.toml": "[tasks.a]\nat = \"06:25\"\ncommand = \"test -x /bin/true && /etc/cron.daily/backup; true\"\n",
			"etc/crontab": "25 6 * * * root cd / && run-parts /etc/cron.daily\n", "etc/cron.daily/backup": "#!/bin/sh\n"},
			"3:11 warning: /etc/cron.daily/backup is also run by run-parts in /etc/crontab:1: it would run twice"},
		{"run-parts of another directory", map[string]string{"jobs.toml": "[tasks.a]\nat = \"06:25\"\ncommand = \"run-parts /srv/daily; /etc/cron.daily/gone\"\n",
			"etc/crontab": "25 6 * * * root cd / && run-parts /etc/cron.daily\n"}, ""},
		{"a double that was imported", map[string]string{"jobs.toml": "[tasks.a]\nat = \"06:25\"\ndir = \"/\"\ncommand = \"true \\\\%d\"\n",
			"etc/crontab": "25 6 * * * root cd / && true \\\\%d\n"},
			"4:11 warning: also in /etc/crontab:1: it would run twice"},
		{"a task by hand is no double", map[string]string{"jobs.toml": "[tasks.a]\ncommand = \"true\"\n", "etc/crontab": "@daily root true\n"}, ""},
	} {
		if got := seenOn(t, machine(t, c.fileNames)); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}
