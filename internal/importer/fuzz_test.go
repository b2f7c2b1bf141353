package importer

import (
	"strings"
	"testing"
	"testing/fstest"

	"rota/config"
	"rota/internal/crontab"
	"rota/internal/escape"
)

// Any crontab results in a valid file in which none of its text has become a key, and in
// a report that can be printed.
func FuzzCrontabs(f *testing.F) {
	for _, seed := range []string{
		"0 5 * * * x\n", "A=\"b'\\\n0 5 * * * x ''' \"\"\" %\\%y%z\n", "# \x1b[31m\r\n0 5 * * * a\x00b\n", "0 5 * * * \u202e\xff\n",
		"MAILTO=\"a\\\" }, x = {\"\n0 5 * * * x\n", "SHELL=/bin/\x7f\n0 5 * * * x\n", "0 5 * * * [tasks.x]\n0 5 * * * x\n0 5 * * * x\n", "CRON_TZ=../etc\n0 0 1 1 * 2027,2030 x\n",
		"HOME=/\u00a0'\"\n@reboot \x85\n", "#\x0b[tasks.y]\n#\u2028z\n", "0 8 * * 1 [ $(date +\\%d) -le 7 ] && \"\x01\n", "ROTA_X=1\nA B=c\n1 1 1 1 1 #!/bin/x\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range crontab.Dialects {
			r := Crontabs([]Crontab{{Name: text[:min(20, len(text))], Text: text, Off: OffFile(text)}}, Host{Dialect: d})
			cfg, err := config.Parse("jobs.toml", r.Text, config.Options{})
			if err != nil {
				t.Fatalf("%s: %v\n%s", d, err, r.Text)
			}
			if len(cfg.Tasks) != len(r.Tasks) {
				t.Errorf("%s: %d tasks, want %d:\n%s", d, len(cfg.Tasks), len(r.Tasks), r.Text)
			}
			if shown := escape.Lines(r.Text); shown != r.Text {
				t.Errorf("%s: the file steers a terminal: %q", d, r.Text)
			}
			for _, n := range r.Notes {
				if strings.ContainsAny(n.Text, "\n\x1b") {
					t.Errorf("%s: %q", d, n.Text)
				}
			}
		}
	})
}

// The same for units of systemd.
func FuzzTimers(f *testing.F) {
	f.Add("OnCalendar=daily\nPersistent=true", "ExecStart=/bin/x \"a b\" ${C} $D '\\x41'\nUser=a\"b\nEnvironment=A=\"]\" B")
	f.Add("OnBootSec=1min 30s\nOnUnitInactiveSec=1h", "ExecStart=-/bin/x\nExecStart=/bin/'''\nExecCondition=!x\nSuccessExitStatus=1 X\nRestart=on-failure")
	f.Add("OnCalendar=Mon..Fri *-*~1..3 0/2:00 Asia/Tokyo\nOnCalendar=2027,2029-1-1 00:00", "ExecStart=x\nLimitNOFILE=5\nUMask=9\nKillSignal=SIG\x1b\nNice=99\nX=\x00]")
	f.Add("[Unit]\nConditionPathExists=/a'b\n[Timer]\nRandomizedDelaySec=0\nOnCalendar=*:*:*", "ExecStart=\"\"\nWorkingDirectory=-~\nEnvironmentFile=-/x y\nTimeoutStopSec=infinity")
	f.Fuzz(func(t *testing.T, timer, service string) {
		fsys := fstest.MapFS{
			"u/x.timer":                     {Data: []byte("[Timer]\n" + timer)},
			"u/x.service":                   {Data: []byte("[Service]\n" + service)},
			"u/timers.target.wants/x.timer": {},
		}
		r, err := Timers(Systemd{FS: fsys, Dirs: []string{"u"}})
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Parse("jobs.toml", r.Text, config.Options{})
		if err != nil {
			t.Fatalf("%v\n%s", err, r.Text)
		}
		if len(cfg.Tasks) != len(r.Tasks) {
			t.Errorf("%d tasks, want %d:\n%s", len(cfg.Tasks), len(r.Tasks), r.Text)
		}
		if shown := escape.Lines(r.Text); shown != r.Text {
			t.Errorf("the file steers a terminal: %q", r.Text)
		}
	})
}
