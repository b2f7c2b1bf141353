package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Ctrl-C in exec stops a task as its time-out would, whether or not it reads from the
// terminal, and whichever user it runs as: the task itself gets no interrupt before.
func TestExecInterrupted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, user string
		typing     bool
	}{{"with stdin", "", true}, {"without stdin", "", false}, {"of another user", "nobody", true}} {
		t.Run(c.name, func(t *testing.T) {
			if c.user != "" && os.Getuid() != 0 {
				t.Skip("only root can run a task of somebody else")
			}
			dir, binary := public(t)
			put(t, filepath.Join(dir, "jobs.toml"), fmt.Sprintf(`
[rota]
state_dir = "state"
[tasks.loop]
user = %q
dir = "/"
command = "trap 'echo got TERM; exit 0' TERM; trap 'echo got INT; exit 0' INT; echo ready; while :; do sleep 0.05; done"
`, c.user))
			if c.user == "" {
				text := strings.Replace(read(t, filepath.Join(dir, "jobs.toml")), "user = \"\"\n", "", 1)
				put(t, filepath.Join(dir, "jobs.toml"), text)
			}
			master, slave := terminal(t)
			cmd := exec.Command(binary, "exec", "loop", "-c", filepath.Join(dir, "jobs.toml"), "--trust-file")
			cmd.Args[0] = "rota-command"
			cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
			cmd.Stdout, cmd.Stderr = slave, slave
			if c.typing {
				cmd.Stdin = slave
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			slave.Close()
			var mu sync.Mutex
			var shown bytes.Buffer
			read := make(chan struct{})
			go func() {
				defer close(read)
				buf := make([]byte, 4096)
				for typed := false; ; {
					n, err := master.Read(buf)
					mu.Lock()
					shown.Write(buf[:n])
					ready := strings.Contains(shown.String(), "ready")
					mu.Unlock()
					if err != nil {
						return
					}
					if ready && !typed {
						typed = true
						_, _ = master.Write([]byte{3})
					}
				}
			}()
			stuck := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
			defer stuck.Stop()
			_ = cmd.Wait()
			<-read
			mu.Lock()
			defer mu.Unlock()
			if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(shown.String(), "got TERM") || strings.Contains(shown.String(), "got INT") {
				t.Errorf("exit code %d, %q", code, shown.String())
			}
		})
	}
}
