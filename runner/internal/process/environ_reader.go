package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	// One process is waited for in parts: while rota itself gets no processor, as on a busy
	// machine, only one part of the time can pass.
	environParts = 10
	environPart  = 50 * time.Millisecond

	maxPending = 8 // users whose processes are waited for
)

// environs reads the environments of processes.
var environs = environReader{
	open: func(pid int) ([]byte, error) { return os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) },
	user: realUser,
}

// environReader reads environments of processes. Anybody can have processes. The
// kernel lets a reader wait while a process changes the map of its memory, and a
// process can make that last for ever by a file system of its own. So nobody waits
// long, no other process of that user is read until the first has answered, and
// none at all while those of many users are waited for: what is left of a run is
// then found by its process group alone.
type environReader struct {
	open func(pid int) ([]byte, error)
	user func(pid int) (int, error)

	mu      sync.Mutex
	pending map[int]int // processes that are waited for, by user
}

// read returns the environment of a process; nil if it is not to be had.
func (r *environReader) read(pid int) []byte {
	if r.skips(pid) {
		return nil
	}
	answer := make(chan []byte, 1)
	go func() {
		text, _ := r.open(pid)
		answer <- text
	}()
	part := time.NewTicker(environPart) // which drops those that nobody waited for
	defer part.Stop()
	for range environParts {
		select {
		case text := <-answer:
			return text
		case <-part.C:
		}
	}
	uid, err := r.user(pid)
	if err != nil {
		return nil // it has just ended
	}
	r.count(uid, 1)
	go func() {
		<-answer
		r.count(uid, -1)
	}()
	return nil
}

// skips reports whether the environment of a process must not be read now.
func (r *environReader) skips(pid int) bool {
	r.mu.Lock()
	silent := len(r.pending)
	r.mu.Unlock()
	if silent == 0 {
		return false
	}
	uid, err := r.user(pid)
	if err != nil || silent >= maxPending {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pending[uid] > 0
}

func (r *environReader) count(uid, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending == nil {
		r.pending = map[int]int{}
	}
	if r.pending[uid] += n; r.pending[uid] == 0 {
		delete(r.pending, uid)
	}
}

// realUser returns who started a process, from a file that does not depend on its
// memory. The owner of its directory in /proc can be root for any process.
func realUser(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if v, ok := bytes.CutPrefix(line, []byte("Uid:")); ok {
			if f := bytes.Fields(v); len(f) > 0 {
				return strconv.Atoi(string(f[0]))
			}
		}
	}
	return 0, fmt.Errorf("/proc/%d/status: no user", pid)
}
