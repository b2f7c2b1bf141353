// Package packaging_test holds what is packaged with rota to what others
// expect of it.
package packaging_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
)

// settings returns what a unit file says; of a key that is there more than once, the last.
func settings(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(name)
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
		if _, twice := got[key]; twice && o.Name != "SystemCallFilter" {
			t.Errorf("%s: %s is there twice", name, key)
		}
		got[key] = o.Value
	}
	return got
}

// TestServiceKeepsItsPromises names the lines that rota's behaviour rests on.
func TestServiceKeepsItsPromises(t *testing.T) {
	common := map[string]string{
		"Service.Type":                     "notify",
		"Service.KillMode":                 "process", // forked runs outlive the daemon
		"Service.OOMPolicy":                "continue",
		"Service.IgnoreSIGPIPE":            "false",
		"Service.RestartPreventExitStatus": "3",
		"Service.RuntimeDirectory":         "rota",
		"Service.RuntimeDirectoryPreserve": "yes",
		"Service.WatchdogSec":              "30s",
	}
	for name, own := range map[string]map[string]string{
		"rota.service": {
			"Service.ExecStart":      "/usr/bin/rota daemon --config /etc/rota/jobs.toml",
			"Service.ExecReload":     "/usr/bin/rota reload",
			"Service.StateDirectory": "rota",
			"Install.WantedBy":       "multi-user.target",
		},
		"rota-user.service": {
			"Unit.ConditionPathExists": "%E/rota/jobs.toml",
			"Service.ExecStart":        "/usr/bin/rota daemon --config %E/rota/jobs.toml",
			"Service.ExecReload":       "/usr/bin/rota reload --config %E/rota/jobs.toml",
			"Install.WantedBy":         "default.target",
		},
	} {
		got := settings(t, name)
		maps.Copy(own, common)
		for key, want := range own {
			if got[key] != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got[key], want)
			}
		}
	}
}

// copied copies unit files to a directory where systemd-analyze finds what they start.
func copied(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for from, to := range files {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, to)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/bin/rota", "/bin/true")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func analyze(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze")
	}
	cmd := exec.Command("systemd-analyze", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":", "LC_ALL=C", "XDG_RUNTIME_DIR="+dir) // a user's manager needs one
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestServiceIsCleanToSystemd(t *testing.T) {
	const drop = "rota.service.d/hardened.conf"
	for name, files := range map[string]map[string]string{
		"the unit":             {"rota.service": "rota.service"},
		"the unit of a user":   {"rota-user.service": "rota.service"},
		"the unit, restricted": {"rota.service": "rota.service", "hardened.conf": drop},
	} {
		args := []string{"verify", "--man=no", "./rota.service"}
		if files["rota-user.service"] != "" {
			args = append([]string{"--user"}, args...)
		}
		if out, err := analyze(t, copied(t, files), args...); err != nil || out != "" {
			t.Errorf("%s: systemd-analyze verify: %v\n%s", name, err, out)
		}
	}
}

// The exposure that README.md and hardened.conf state is what systemd computes: higher in
// later versions, so that the last digit may differ.
func TestExposure(t *testing.T) {
	figure := regexp.MustCompile(`Overall exposure level for rota.service: ([0-9.]+)`)
	for said, files := range map[float64]map[string]string{
		9.6: {"rota.service": "rota.service"},
		1.2: {"rota.service": "rota.service", "hardened.conf": "rota.service.d/hardened.conf"},
	} {
		out, err := analyze(t, copied(t, files), "security", "--offline=true", "--no-pager", "./rota.service")
		m := figure.FindStringSubmatch(out)
		if err != nil || m == nil {
			t.Errorf("systemd-analyze security: %v\n%s", err, out)
			continue
		}
		if got, err := strconv.ParseFloat(m[1], 64); err != nil || got < said-0.25 || got > said+0.25 {
			t.Errorf("exposure %s, said is %.1f", m[1], said)
		}
	}
}
