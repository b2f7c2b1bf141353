package early

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is, started by TestCaught, a program that gets signals before it asks for
// any.
func TestMain(m *testing.M) {
	if os.Getenv("ROTA_TEST_EARLY") == "" {
		os.Exit(m.Run())
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} { // not HUP first, which nohup has ignored
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			os.Exit(3)
		}
		select {
		case got := <-Signals():
			if got != sig {
				os.Exit(4)
			}
		case <-time.After(2 * time.Minute):
			os.Exit(5)
		}
	}
	os.Exit(0)
}

// A daemon is not ended by what comes before it listens, any other command is.
func TestCaught(t *testing.T) {
	for command, ends := range map[string]bool{"daemon": false, "list": true} {
		c := exec.Command("/proc/self/exe", command)
		c.Env = append(os.Environ(), "ROTA_TEST_EARLY=1")
		err := c.Run()
		status, _ := c.ProcessState.Sys().(syscall.WaitStatus)
		if ends && status.Signal() != syscall.SIGTERM || !ends && err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
}

// Only of a daemon the signals are kept: any other command ends by them.
func TestIsDaemon(t *testing.T) {
	for line, want := range map[string]bool{
		"rota":                          false,
		"rota daemon":                   true,
		"/usr/bin/rota daemon --once":   true,
		"rota -c jobs.toml daemon":      true,
		"rota --config daemon daemon":   true,
		"rota -c daemon":                false,
		"rota -c daemon list":           false,
		"rota list daemon":              false,
		"rota run daemon --wait":        false,
		"rota-shim daemon":              false,
		"rota -q daemon":                false, // perhaps: it is not worth a second parser
		"rota --config=jobs.toml check": false,
	} {
		if got := isDaemon(strings.Fields(line)); got != want {
			t.Errorf("%s: %v, want %v", line, got, want)
		}
	}
}
