package mounts

import (
	"maps"
	"slices"
	"testing"

	"rota/internal/hungtest"
)

func TestParse(t *testing.T) {
	far := parse([]byte(`22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 28 0:50 / /mnt/nas rw,relatime shared:9 - nfs4 server:/export rw,vers=4.2
41 28 0:51 / /home/ann/my\040files rw - fuse.sshfs ann@host: rw
42 28 0:52 / /hidden rw - cifs //server/share rw
43 42 0:53 / /hidden rw - tmpfs tmpfs rw
44 28 0:54 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw
cut off
`))
	if got, want := slices.Sorted(maps.Keys(far)), []string{"/home/ann/my files", "/mnt/nas", "/proc/sys/fs/binfmt_misc"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Mounts and unmounts are noticed.
func TestFar(t *testing.T) {
	var table Table
	dir := t.TempDir()
	isFar := func() bool { far := table.Far(); return far != nil && far(dir) }
	if isFar() {
		t.Error("a directory is far that is none")
	}
	hung := hungtest.Mount(t, dir)
	if !isFar() {
		t.Error("a mount is not noticed")
	}
	if err := hung.Release(); err != nil {
		t.Fatal(err)
	}
	if isFar() {
		t.Error("the end of a mount is not noticed")
	}
}
