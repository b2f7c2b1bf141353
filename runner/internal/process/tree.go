package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stat is what rota wants to know of a process from /proc/PID/stat.
type stat struct {
	pid     int
	name    string
	state   byte // see dead
	threads int
	parent  int
	group   int
	session int
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
	s.parent, _ = strconv.Atoi(f[1])
	s.group, _ = strconv.Atoi(f[2])
	s.session, _ = strconv.Atoi(f[3])
	s.threads, _ = strconv.Atoi(f[17])
	s.started, _ = strconv.ParseUint(f[19], 10, 64)
	return s, nil
}

// dead reports whether the process has ended. While other threads live, one whose
// first thread has ended is shown as a zombie, too.
func (s stat) dead() bool { return s.state == 'X' || s.state == 'Z' && s.threads <= 1 }

// Member is a living process of a tree.
type Member struct {
	PID     int
	Name    string
	parent  int
	group   int
	session int
	started uint64
}

// tree is the processes of one attempt at a run: its leader with all that descends
// from it, its process group, its session, and what left all of them but names the
// run in its environment. Anybody can name a run there, so that counts only for
// processes of the user of the run, and of root.
type tree struct {
	group    int            // and session; 0: none
	orphaned *identity      // the leader of both, which has gone; nil: it is there
	seen     map[int]uint64 // when the leader started, and those that descendants found last
	attempt  Attempt        // zero: no environment names it
	uid      int            // of the user of the run
}

// members returns the living processes of the tree.
func (t *tree) members() []Member {
	all := living()
	t.seen = t.descendants(all)
	return slices.DeleteFunc(all, func(m Member) bool {
		_, seen := t.seen[m.PID]
		return !seen && !t.marked(m.PID)
	})
}

// living returns the living processes of this machine, but this one.
func living() []Member {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var found []Member
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		s, err := readStat(pid)
		if err != nil || s.dead() {
			continue
		}
		found = append(found, Member{s.pid, s.name, s.parent, s.group, s.session, s.started})
	}
	return found
}

// has reports whether a process is of the group or of the session, or was seen
// before: its parent may have ended since.
func (t *tree) has(m Member) bool {
	if started, seen := t.seen[m.PID]; seen && started == m.started {
		return true
	}
	return t.group != 0 && (m.group == t.group || m.session == t.group) && (t.orphaned == nil || t.orphaned.began(m))
}

// descendants returns which of all processes the tree has, descend from one that it
// has, or are in a session that one of those leads, and when they started. No
// environment counts here: if a run restarts a service, what that starts later is
// none of the run's.
func (t *tree) descendants(all []Member) map[int]uint64 {
	of := map[int]uint64{}
	for _, m := range all {
		if t.has(m) {
			of[m.PID] = m.started
		}
	}
	for more := len(of) > 0; more; {
		more = false
		for _, m := range all {
			if _, known := of[m.PID]; known {
				continue
			}
			for _, by := range []int{m.parent, m.session} {
				if started, ok := of[by]; ok && started <= m.started {
					of[m.PID], more = m.started, true
				}
			}
		}
	}
	return of
}

// marked reports whether the environment of a process names the run, and may.
func (t *tree) marked(pid int) bool {
	if t.attempt.Run == "" {
		return false
	}
	if uid, err := realUser(pid); err != nil || uid != 0 && uid != t.uid {
		return false
	}
	env := environs.read(pid)
	if len(env) == 0 {
		return false
	}
	env = append([]byte{0}, env...)
	return bytes.Contains(env, []byte("\x00"+runVariable+"="+t.attempt.Run+"\x00")) && bytes.Contains(env, []byte("\x00"+stateVariable+"="+t.attempt.StateDir+"\x00"))
}

// runsAlive returns the ids of all the runs of a state directory of which something
// lives.
func runsAlive(stateDir string) map[string]bool {
	found := map[string]bool{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		env := environs.read(pid)
		run, ours := "", false
		for kv := range strings.SplitSeq(string(env), "\x00") {
			if v, ok := strings.CutPrefix(kv, runVariable+"="); ok {
				run = v
			}
			ours = ours || kv == stateVariable+"="+stateDir
		}
		if ours {
			found[run] = true
		}
	}
	return found
}

// signal sends a signal to the group at once and to the others one by one.
func (t *tree) signal(sig syscall.Signal, members []Member) {
	whole := t.group != 0 && t.orphaned == nil
	if whole {
		_ = syscall.Kill(-t.group, sig)
	}
	for _, m := range members {
		if !whole || m.group != t.group {
			if p, err := openProcess(m.PID, m.started); err == nil {
				_ = p.signal(sig)
				p.close()
			}
		}
	}
}

// end signals the tree, waits as long as e says for all of it to go, then sends
// KILL. It returns what is still alive after that. Closing
// kill cuts the grace short. The leader of the group must not have been reaped.
func (t *tree) end(e Termination, kill <-chan struct{}) []Member {
	if e.Signal != 0 {
		t.signal(e.Signal, t.members())
	}
	if len(t.gone(e.Grace, kill)) == 0 {
		return nil
	}
	left := t.members()
	for until := time.Now().Add(5 * time.Second); len(left) > 0 && time.Now().Before(until); {
		// Again each time: a process may have forked while it was signalled.
		t.signal(syscall.SIGKILL, left)
		left = t.gone(100*time.Millisecond, nil)
	}
	return left
}

// gone waits for the tree to be gone, at most for grace and until kill is
// closed, and returns who is left.
func (t *tree) gone(grace time.Duration, kill <-chan struct{}) []Member {
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		left := t.members()
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

// Describe lists processes for a record, at most five of them.
func Describe(members []Member) string {
	var parts []string
	for i, m := range members {
		if i == 5 {
			parts = append(parts, fmt.Sprintf("and %d more", len(members)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s (%d)", m.Name, m.PID))
	}
	return strings.Join(parts, ", ")
}
