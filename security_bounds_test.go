package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
)

// One user of the machine neither overrides what root says, nor takes from others
// what is there for all.
func TestBoundsOfAUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "rota") // where others may look
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "rota")
	if err := os.WriteFile(binary, program, 0o755); err != nil {
		t.Fatal(err)
	}
	jobs := func(user string) string {
		return header + fmt.Sprintf("socket = %q\n[tasks.theirs]\nuser = %q\ndir = \"/\"\ncommand = \"true\"\nparams = { word = \"\" }\n", filepath.Join(dir, "rota.sock"), user)
	}
	put(t, filepath.Join(dir, "jobs.toml"), jobs("nobody"))
	d := startDaemon(t, dir, nil)
	d.at = filepath.Join(dir, "rota.sock")
	d.msg(new(int), "started", "")
	root := func(args ...string) {
		t.Helper()
		if code, _, stderr := d.rota(args...); code != 0 {
			t.Errorf("root: rota %s: %d %s", strings.Join(args, " "), code, stderr)
		}
	}
	nobody := func(want int, args ...string) string {
		t.Helper()
		code, said := d.asNobody(binary, args...)
		if code != want {
			t.Errorf("nobody: rota %s: %d %s, want %d", strings.Join(args, " "), code, said, want)
		}
		return said
	}

	root("hold", "theirs", "--reason", "looked at")
	for _, args := range []string{"release theirs", "run theirs --force", "hold theirs --for 1s"} {
		if said := nobody(6, strings.Fields(args)...); !strings.Contains(said, "root") || !strings.Contains(said, "looked at") {
			t.Errorf("nobody: rota %s does not say who holds it: %s", args, said)
		}
	}
	nobody(0, "run", "theirs", "--force", "--in", "1h", "--id", "later") // it will wait for the release
	root("release", "theirs")
	nobody(0, "hold", "theirs")
	root("release", "theirs")

	for _, args := range [][]string{
		{"run", "theirs", "--at", "9999-12-31T23:59:59-05:00"}, {"run", "theirs", "--on", "once 9999-12-31T23:59:59"}, {"run", "theirs", "--on", "interval 1s"},
	} {
		nobody(2, args...)
	}
	// Not every client is as careful as rota's own.
	_, err = d.client().Request(t.Context(), api.Request{Task: "theirs", At: time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -5*3600))}, nil)
	wants(t, "a run in the year 10000", err, api.Usage)
	nobody(0, "run", "theirs", "word=in-no-list", "--on", "interval 1h", "--id", "often")
	for _, args := range []string{"ps", "history", "list", "next"} {
		root(args)
		if said := nobody(0, args, "--json"); strings.Contains(said, "in-no-list") {
			t.Errorf("rota %s shows parameters: %s", args, said)
		}
	}

	// Pending requests for the old user are cancelled when the task gets another one.
	put(t, filepath.Join(dir, "jobs.toml"), jobs("daemon"))
	root("reload")
	for _, id := range []string{"theirs/later", "theirs/often"} {
		run, err := d.client().Run(t.Context(), id)
		if err != nil || run.Outcome != "cancelled" || !strings.Contains(run.Why, "daemon") {
			t.Errorf("%s: %s%s %q, %v", id, run.State, run.Outcome, run.Why, err)
		}
	}
}
