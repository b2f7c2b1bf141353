// Package mounts finds the mount points of file systems that may not answer: those of a
// server, or of a user's program (FUSE). A process that touches one may wait for ever, and
// cannot always be killed. The package reads the table of the kernel, /proc/self/mountinfo,
// which touches none of them.
package mounts

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// local has the types of file systems that always answer. All other types may not.
var local = map[string]bool{
	"ext2": true, "ext3": true, "ext4": true, "xfs": true, "btrfs": true, "bcachefs": true, "f2fs": true, "jfs": true,
	"reiserfs": true, "nilfs2": true, "zfs": true, "ubifs": true, "vfat": true, "msdos": true, "exfat": true, "ntfs3": true,
	"iso9660": true, "udf": true, "squashfs": true, "erofs": true, "overlay": true, "tmpfs": true, "ramfs": true, "rootfs": true,
	"devtmpfs": true, "devpts": true, "proc": true, "sysfs": true, "cgroup": true, "cgroup2": true, "mqueue": true,
	"hugetlbfs": true, "securityfs": true, "selinuxfs": true, "debugfs": true, "tracefs": true, "configfs": true,
	"fusectl": true, "pstore": true, "efivarfs": true, "bpf": true, "binfmt_misc": true, "rpc_pipefs": true, "nsfs": true,
}

// Table holds the mount points that this process sees. Its zero value is ready to use.
type Table struct {
	mu  sync.Mutex
	fd  int // of /proc/self/mountinfo, polled for changes; 0: not open yet
	far map[string]bool
	gen int // how often it was read
}

// Far returns a function that reports whether a directory, named without symbolic links, is
// the mount point of a file system that may not answer; nil: there are none.
func (t *Table) Far() func(dir string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed() {
		t.read()
	}
	if len(t.far) == 0 {
		return nil
	}
	far := t.far // never changed, but replaced
	return func(dir string) bool { return far[dir] }
}

// Generation returns a number that is another one if Far has seen a change of mounts since.
func (t *Table) Generation() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gen
}

// changed reports whether the table must be read again.
func (t *Table) changed() bool {
	if t.fd == 0 {
		// Not as an os.File: the poller of the Go runtime would get the events instead.
		if fd, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			t.fd = fd
		}
		return true
	}
	poll := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLPRI}}
	n, err := unix.Poll(poll, 0)
	return n > 0 || err != nil
}

func (t *Table) read() {
	t.gen++
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.far = map[string]bool{"/": true} // the mount points are not known
		return
	}
	t.far = parse(text)
}

// parse reads mountinfo, see proc(5). Of several file systems at one
// mount point the last hides the others.
func parse(text []byte) map[string]bool {
	far := map[string]bool{}
	for line := range bytes.Lines(text) {
		before, after, ok := strings.Cut(string(line), " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 5 {
			continue
		}
		kind, _, _ := strings.Cut(after, " ")
		dir := unescape(fields[4])
		if local[kind] {
			delete(far, dir)
		} else {
			far[dir] = true
		}
	}
	return far
}

// unescape decodes the octal escapes of blanks and backslashes.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
