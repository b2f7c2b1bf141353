// Package disktest is what tests need that fill a disk: a small one of their own.
package disktest

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// OnSmallDisk runs a test again in a mount namespace of its own, in which a
// directory is a disk of that size; there it calls test with that directory.
func OnSmallDisk(t *testing.T, size string, test func(t *testing.T, disk string)) {
	t.Helper()
	const variable = "ROTA_TEST_SMALL_DISK"
	if disk := os.Getenv(variable); disk != "" {
		test(t, disk)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	disk := t.TempDir()
	args := []string{"--mount", "--propagation", "private"}
	if os.Getuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	args = append(args, "sh", "-c", `mount -t tmpfs -o size="$0",mode=0755 none "$1" && shift && exec "$@"`, size, disk,
		self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), variable+"="+disk)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in a mount namespace: %v\n%s", err, out)
	}
}

// Fill writes a file until the disk is full. What others free meanwhile it leaves to them.
func Fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var disk syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &disk); err != nil {
		t.Fatal(err)
	}
	left := int(disk.Bavail) * int(disk.Bsize)
	for size := 1 << 20; size > 0; {
		n, err := f.Write(make([]byte, min(size, left)))
		if left -= n; left == 0 {
			return
		} else if errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
