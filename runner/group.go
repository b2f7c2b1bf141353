package runner

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stat is what rota wants to know of a process from /proc/PID/stat.
type stat struct {
	pid     int
	name    string
	state   byte // 'Z' and 'X' are dead
	group   int
	started uint64 // ticks since boot
}

// readStat reads /proc/PID/stat as proc(5) describes it. The name is in
// parentheses and may itself hold any character.
func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	from, to := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return stat{}, fmt.Errorf("/proc/%d/stat: no name", pid)
	}
	f := strings.Fields(string(text[to+1:]))
	if len(f) < 20 {
		return stat{}, fmt.Errorf("/proc/%d/stat: too short", pid)
	}
	s := stat{pid: pid, name: string(text[from+1 : to]), state: f[0][0]}
	s.group, _ = strconv.Atoi(f[2])
	s.started, _ = strconv.ParseUint(f[19], 10, 64)
	return s, nil
}

// family is the processes of one attempt at a run: its process group, and what
// left the group but carries the run in its environment.
type family struct {
	group    int    // 0: none
	run      string // "": the group is all of it
	stateDir string // tells the runs of two daemons apart
}

// members returns the living processes of the family.
func (f family) members() []stat {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var found []stat
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		s, err := readStat(pid)
		if err != nil || s.state == 'Z' || s.state == 'X' {
			continue
		}
		if f.group != 0 && s.group == f.group || f.marked(pid) {
			found = append(found, s)
		}
	}
	return found
}

// marked reports whether the environment of a process names the run.
func (f family) marked(pid int) bool {
	if f.run == "" {
		return false
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	env = append([]byte{0}, env...)
	return bytes.Contains(env, []byte("\x00ROTA_RUN="+f.run+"\x00")) && bytes.Contains(env, []byte("\x00ROTA_STATE_DIR="+f.stateDir+"\x00"))
}

// runsAlive returns the ids of all the runs of a state folder of which something
// lives.
func runsAlive(stateDir string) map[string]bool {
	found := map[string]bool{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		env, _ := os.ReadFile(dir + "/environ")
		run, ours := "", false
		for kv := range strings.SplitSeq(string(env), "\x00") {
			if v, ok := strings.CutPrefix(kv, "ROTA_RUN="); ok {
				run = v
			}
			ours = ours || kv == "ROTA_STATE_DIR="+stateDir
		}
		if ours {
			found[run] = true
		}
	}
	return found
}

// signal sends a signal to the group at once and to the others one by one.
func (f family) signal(sig syscall.Signal, members []stat) {
	if f.group != 0 {
		_ = syscall.Kill(-f.group, sig)
	}
	for _, m := range members {
		if f.group == 0 || m.group != f.group {
			if p, err := openProcess(m.pid, m.started); err == nil {
				_ = p.signal(sig)
				p.pidfd.Close()
			}
		}
	}
}

// end signals the family with sig (0: not at all), waits up to grace for all of
// it to go, then sends KILL. It returns what is still alive after that. Closing
// kill cuts the grace short. The leader of the group must not have been reaped.
func (f family) end(sig syscall.Signal, grace time.Duration, kill <-chan struct{}) []stat {
	if sig != 0 {
		f.signal(sig, f.members())
	}
	if len(f.gone(grace, kill)) == 0 {
		return nil
	}
	left := f.members()
	for until := time.Now().Add(5 * time.Second); len(left) > 0 && time.Now().Before(until); {
		// Again each time: a process may have forked while it was signalled.
		f.signal(syscall.SIGKILL, left)
		left = f.gone(100*time.Millisecond, nil)
	}
	return left
}

// clear stops what is left of a run that nobody carries any more, and says what
// it found; "" if nothing.
func (f family) clear(p Policy, x *exchange) string {
	defer x.close()
	members := f.members()
	if len(members) == 0 {
		return ""
	}
	x.ask()
	text := "stopped what was left: " + describe(members)
	if left := f.end(signalNumber(p.StopSignal), p.KillAfter, nil); len(left) > 0 {
		text += "; still alive after KILL: " + describe(left)
	}
	return text
}

// gone waits for the family to be gone, at most for grace and until kill is
// closed, and returns who is left.
func (f family) gone(grace time.Duration, kill <-chan struct{}) []stat {
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		left := f.members()
		if len(left) == 0 {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-deadline.C:
			return left
		case <-kill:
			return left
		}
	}
}

// describe lists processes for a record, at most five of them.
func describe(members []stat) string {
	var parts []string
	for i, m := range members {
		if i == 5 {
			parts = append(parts, fmt.Sprintf("and %d more", len(members)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s (%d)", m.name, m.pid))
	}
	return strings.Join(parts, ", ")
}
