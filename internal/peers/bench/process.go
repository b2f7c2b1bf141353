package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// daemon is a scheduler at work.
type daemon struct {
	cmd    *exec.Cmd
	dir    string
	stamps string // the file with the times at which its tasks were started
	log    string // what it writes to its output
	began  time.Time
	ended  chan error
}

// start starts a scheduler with tasks, in a new directory.
func (b *bench) start(s scheduler, t tasks) (*daemon, error) {
	dir, err := os.MkdirTemp(b.dir, "daemon-")
	if err != nil {
		return nil, err
	}
	args, err := s.write(dir, b.stamp, t)
	if err != nil {
		return nil, err
	}
	// The log lies elsewhere, too: what is written beside a file that a scheduler watches
	// wakes it.
	aside := filepath.Join(memory(dir), filepath.Base(dir))
	d := &daemon{dir: dir, stamps: aside + ".stamps", log: aside + ".log", ended: make(chan error, 1)}
	output, err := os.Create(d.log)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	d.cmd = exec.Command(s.path, args...)
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = dir, output, output
	d.cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "TZ=UTC", "STAMPS=" + d.stamps}
	d.began = time.Now()
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.ended <- d.cmd.Wait() }()
	return d, nil
}

// memory is a directory in memory, so that the notes of the tasks take nothing of the disk
// of the scheduler; dir if there is none.
func memory(dir string) string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return dir
}

// stop ends the scheduler and removes its files.
func (d *daemon) stop() error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(30 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.ended
	}
	return errors.Join(os.RemoveAll(d.dir), remove(d.stamps), remove(d.log))
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// alive is an error if the scheduler has ended, with what it said.
func (d *daemon) alive() error {
	select {
	case err := <-d.ended:
		d.ended <- err
		text, _ := os.ReadFile(d.log)
		return fmt.Errorf("it has ended: %v\n%s", err, text[:min(len(text), 2000)])
	default:
		return nil
	}
}

// cpu is the processor time that the scheduler itself has used, without its children.
func (d *daemon) cpu() time.Duration { return processorTime(d.cmd.Process.Pid) }

// processorTime reads the clock of a process: see clock_getcpuclockid(3).
func processorTime(pid int) time.Duration {
	var t syscall.Timespec
	id := ^uintptr(pid)<<3 | 2
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}

// children is the processor time of the children for which the scheduler has waited, and
// of theirs, and of those that live.
func (d *daemon) children() time.Duration {
	pid := d.cmd.Process.Pid
	used := waitedFor(pid)
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				used += processorTime(child) + waitedFor(child)
			}
		}
	}
	return used
}

// waitedFor is the processor time of the children for which a process has waited.
func waitedFor(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	user, _ := strconv.Atoi(string(fields[13]))
	system, _ := strconv.Atoi(string(fields[14]))
	return time.Duration(user+system) * time.Second / 100
}

// still waits until the scheduler does nothing for some time, and returns when it did
// something last.
func (d *daemon) still(calm, limit time.Duration) (time.Time, error) {
	last, at := d.cpu(), time.Now()
	for deadline := at.Add(limit); ; time.Sleep(time.Millisecond) {
		now := time.Now()
		// What a timer of a runtime takes once in a while is not work.
		if c := d.cpu(); c > last+200*time.Microsecond {
			last, at = c, now
		}
		if err := d.alive(); err != nil {
			return at, err
		}
		if now.Sub(at) >= calm {
			return at, nil
		}
		if now.After(deadline) {
			return at, fmt.Errorf("it is still at work after %s", limit)
		}
	}
}

// memory are the bytes that the scheduler has, and had at most.
func (d *daemon) memory() (now, peak float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	return kilobytes(text, "VmRSS:") * 1024, kilobytes(text, "VmHWM:") * 1024
}

func kilobytes(text []byte, key string) float64 {
	_, after, _ := strings.Cut(string(text), key)
	word, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, _ := strconv.ParseFloat(word, 64)
	return n
}

// descriptors counts, until done is closed, how many files the scheduler has open at most.
func (d *daemon) descriptors(done <-chan struct{}) <-chan int {
	most := make(chan int, 1)
	path := fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid)
	go func() {
		peak := 0
		for {
			select {
			case <-done:
				most <- peak
				return
			case <-time.After(2 * time.Millisecond):
			}
			// The size is the number, from Linux 6.2 on. To list them would take the time
			// that is to be measured.
			if info, err := os.Stat(path); err == nil {
				peak = max(peak, int(info.Size()))
			}
		}
	}()
	return most
}

// starts are the times at which the tasks were started, in their order of writing.
func (d *daemon) starts() []time.Time {
	text, _ := os.ReadFile(d.stamps)
	var all []time.Time
	for line := range strings.Lines(string(text)) {
		if n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64); err == nil {
			all = append(all, time.Unix(0, n))
		}
	}
	return all
}

// await waits for n starts.
func (d *daemon) await(n int, limit time.Duration) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		// Counted by the size: a line has 20 bytes.
		if info, err := os.Stat(d.stamps); err == nil && info.Size() >= int64(n)*20 {
			return nil
		}
		if err := d.alive(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("only %d of %d tasks were started within %s", len(d.starts()), n, limit)
		}
	}
}
