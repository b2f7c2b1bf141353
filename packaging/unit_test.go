// Package packaging_test holds what is packaged with rota to what others
// expect of it.
package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
)

// TestServiceKeepsItsPromises names the lines that rota's behaviour rests on.
func TestServiceKeepsItsPromises(t *testing.T) {
	f, err := os.Open("rota.service")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	options, err := unit.DeserializeOptions(f)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, o := range options {
		key := o.Section + "." + o.Name
		if _, twice := got[key]; twice {
			t.Errorf("%s is there twice", key)
		}
		got[key] = o.Value
	}
	for key, want := range map[string]string{
		"Service.Type":                     "notify",
		"Service.ExecStart":                "/usr/bin/rota daemon --config /etc/rota/jobs.toml",
		"Service.ExecReload":               "/usr/bin/rota reload",
		"Service.KillMode":                 "process", // forked runs outlive the daemon
		"Service.OOMPolicy":                "continue",
		"Service.IgnoreSIGPIPE":            "false",
		"Service.RestartPreventExitStatus": "3",
		"Service.StateDirectory":           "rota",
		"Service.RuntimeDirectory":         "rota",
		"Service.WatchdogSec":              "30s",
		"Install.WantedBy":                 "multi-user.target",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
}

func TestServiceIsCleanToSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze")
	}
	text, err := os.ReadFile("rota.service")
	if err != nil {
		t.Fatal(err)
	}
	// What it starts must exist where it is verified.
	path := filepath.Join(t.TempDir(), "rota.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/bin/rota", "/bin/true")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
