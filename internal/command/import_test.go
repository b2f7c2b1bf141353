package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Limits apply to reading crontabs, and a FIFO is not waited for.
func TestImportBounds(t *testing.T) {
	s := &session{}
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, []byte(strings.Repeat("#\n", maxCrontabBytes/2)+"#"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.crontabFiles(large, "", false); err == nil || codeOf(err) != exitFile || !strings.Contains(err.Error(), "is larger than 1 MiB") {
		t.Errorf("a large file: %v", err)
	}
	if _, err := s.crontabFiles(os.DevNull, "", false); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a device: %v", err)
	}
	dir := t.TempDir()
	for i := range maxCrontabs + 10 {
		name := filepath.Join(dir, "c"+strings.Repeat("x", i))
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.dpkg-old", "b~", ".placeholder"} { // which no cron reads
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := s.crontabFiles(dir, "", false)
	if err != nil || len(sources) != maxCrontabs {
		t.Errorf("%d files, %v", len(sources), err)
	}
	for _, one := range sources {
		if strings.ContainsAny(filepath.Base(one.Name), ".~") {
			t.Errorf("%s is read", one.Name)
		}
	}
}

// A long flag with one dash, as other programs accept, is not read as a short flag with a
// value.
func TestLongFlagsWithOneDash(t *testing.T) {
	app := (&session{}).app()
	for word, want := range map[string]string{
		"-split-logs": "split-logs", "-no-reap": "no-reap", "-sentry-dsn=x": "sentry-dsn", "-prometheus-listen-address": "prometheus-listen-address",
		"-overlapping": "overlapping", "-color=never": "color", "-n5": "n", "-cjobs.toml": "c", "-ofile": "o", "-s/run/x": "s", "-o": "o",
	} {
		if name, _, _ := splitFlag(app, word); name != want {
			t.Errorf("%s is %s, want %s", word, name, want)
		}
	}
}
