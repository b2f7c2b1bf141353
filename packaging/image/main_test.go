package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// program writes what looks like one for a machine, with a segment of a kind.
func program(t *testing.T, machine elf.Machine, kind elf.ProgType) string {
	t.Helper()
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64,
	}
	copy(h.Ident[:], elf.ELFMAG+string([]byte{byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}))
	var b bytes.Buffer
	must(t, binary.Write(&b, binary.LittleEndian, h), binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(kind)}))
	path := filepath.Join(t.TempDir(), "rota")
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// tree is every file below a directory, with its mode.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = info.Mode().String() + " " + string(text)
		return err
	}))
	return all
}

// indexIn is the index of the images in a layout.
func indexIn(t *testing.T, dir string) v1.ImageIndex {
	t.Helper()
	outer, err := layout.ImageIndexFromPath(dir)
	must(t, err)
	m, err := outer.IndexManifest()
	must(t, err)
	if len(m.Manifests) != 1 || m.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "1.0.0" {
		t.Fatalf("the layout names %+v", m.Manifests)
	}
	index, err := outer.ImageIndex(m.Manifests[0].Digest)
	must(t, err)
	return index
}

// TestSameBytes: only what a program holds makes a difference, not when it was made, nor
// where, nor in which order the programs are named.
func TestSameBytes(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1767225600")
	amd, arm := program(t, elf.EM_X86_64, elf.PT_LOAD), program(t, elf.EM_AARCH64, elf.PT_LOAD)
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "deeper", "second")
	must(t, run(first, "1.0.0", "", []string{amd, arm}))
	must(t, os.Chtimes(amd, time.Now(), time.Unix(1, 0)), os.Chmod(arm, 0o755))
	must(t, run(second, "1.0.0", "", []string{arm, amd}))
	a, b := tree(t, first), tree(t, second)
	if len(a) != 9 || len(b) != len(a) { // two images of three blobs, their index, index.json and oci-layout
		t.Errorf("%d and %d files", len(a), len(b))
	}
	for name, text := range a {
		if b[name] != text {
			t.Errorf("%s differs", name)
		}
	}

	index := indexIn(t, first)
	m, err := index.IndexManifest()
	must(t, err, validate.Index(index))
	var platforms []string
	for _, d := range m.Manifests {
		platforms = append(platforms, d.Platform.String())
	}
	if got := strings.Join(platforms, " "); got != "linux/amd64 linux/arm64/v8" {
		t.Errorf("for %s", got)
	}
	if err := run(first, "1.0.0", "", []string{amd}); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("over another image: %v", err)
	}
}

func TestPrograms(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	must(t, os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755))
	amd := program(t, elf.EM_X86_64, elf.PT_LOAD)
	for want, programs := range map[string][]string{
		"not statically linked":  {program(t, elf.EM_X86_64, elf.PT_INTERP)},
		"not for amd64 or arm64": {program(t, elf.EM_RISCV, elf.PT_LOAD)},
		"no program for Linux":   {text},
		"the second program for": {amd, amd},
		"no such file":           {filepath.Join(t.TempDir(), "rota")},
		"no number of seconds":   {amd},
	} {
		if want == "no number of seconds" {
			t.Setenv("SOURCE_DATE_EPOCH", "today")
		}
		out := filepath.Join(t.TempDir(), "image")
		if err := run(out, "x", "", programs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: there is an image", want)
		}
		t.Setenv("SOURCE_DATE_EPOCH", "")
	}
}

// unpack makes the root directory of an image.
func unpack(t *testing.T, img v1.Image) (root string) {
	t.Helper()
	root = t.TempDir()
	r := mutate.Extract(img)
	defer r.Close()
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if err == io.EOF {
			return root
		}
		must(t, err)
		path := filepath.Join(root, h.Name)
		if h.Typeflag == tar.TypeDir {
			must(t, os.Mkdir(path, 0o700))
		} else {
			text, err := io.ReadAll(files)
			must(t, err, os.WriteFile(path, text, 0o600))
		}
		must(t, os.Chown(path, h.Uid, h.Gid), syscall.Chmod(path, uint32(h.Mode)))
	}
}

const jobs = `
[rota]
timezone = "Europe/Berlin"
[tasks.version]
at_start = true
command = ["rota", "version"]
[tasks.note]
at_start = true
write = { path = "/var/lib/rota/note", text = "here" }
[tasks.elsewhere]
at_start = true
write = { path = "/etc/rota/note", text = "here" }
`

// TestContainer starts the image as a container engine does: as process 1, as the user it
// names, in a root directory with nothing but what is in it, which cannot be written to,
// and with a volume for the state.
func TestContainer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a container")
	}
	dir := t.TempDir()
	rota := filepath.Join(dir, "rota")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", rota, ".")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, run(filepath.Join(dir, "image"), "1.0.0", "", []string{rota}))
	index := indexIn(t, filepath.Join(dir, "image"))
	m, err := index.IndexManifest()
	must(t, err)
	img, err := index.Image(m.Manifests[0].Digest)
	must(t, err)
	file, err := img.ConfigFile()
	must(t, err)
	cfg := file.Config

	root := unpack(t, img)
	if info, err := os.Stat(filepath.Join(root, "var/lib/rota")); err != nil || info.Sys().(*syscall.Stat_t).Uid != owner {
		t.Errorf("a new volume would not belong to rota: %v", err)
	}
	volume := t.TempDir()
	must(t, os.Chown(volume, owner, owner), os.Chmod(volume, 0o750))
	must(t, os.WriteFile(filepath.Join(root, "etc/rota/jobs.toml"), []byte(jobs), 0o644)) // as if mounted
	must(t, os.Mkdir(filepath.Join(root, "proc"), 0o755), os.Mkdir(filepath.Join(root, "dev"), 0o755), os.WriteFile(filepath.Join(root, "dev/null"), nil, 0o666))
	const script = `set -e
root=$1 volume=$2 user=$3 chroot=$4
shift 4
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev/null "$root/dev/null"
mount --bind "$volume" "$root/var/lib/rota"
mount -o remount,bind,ro "$root"
exec "$chroot" --userspec="$user" "$root" "$@"`
	chroot, err := exec.LookPath("chroot")
	must(t, err)
	args := append([]string{"--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", root, volume, cfg.User, chroot}, append(cfg.Entrypoint, cfg.Cmd...)...)
	c := exec.Command("unshare", args...)
	c.Env = cfg.Env // its PATH is enough for the commands of the script, too
	stdout, stderr := filepath.Join(dir, "stdout"), filepath.Join(dir, "stderr")
	c.Stdout, c.Stderr = create(t, stdout), create(t, stderr)
	must(t, c.Start())
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(stderr)
			t.Logf("its log:\n%s", text)
		}
	}()

	awaitText(t, stdout, "rota devel (module rota, ") // its output, raw unless the file says otherwise
	awaitText(t, stderr, "msg=failed task=elsewhere")
	awaitText(t, stderr, "read-only file system")
	awaitText(t, filepath.Join(volume, "note"), "here")
	if info, err := os.Stat(filepath.Join(volume, "note")); err != nil || info.Sys().(*syscall.Stat_t).Uid != owner {
		t.Errorf("not written by the user of the image: %v", err)
	}
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", fmt.Sprint(c.Process.Pid)).Output()
	must(t, err)
	pid := strings.TrimSpace(string(out))
	check := exec.Command("nsenter", append([]string{"--target", pid, "--mount", "--pid", "--root", "--wd", "--setuid", fmt.Sprint(owner), "--setgid", fmt.Sprint(owner), "--"}, cfg.Healthcheck.Test[1:]...)...)
	check.Env = cfg.Env
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("the health check: %v: %s", err, out)
	}
	must(t, exec.Command("kill", "-TERM", pid).Run())
	if err := c.Wait(); err != nil {
		t.Errorf("asked to stop: %v", err)
	}
	if !slices.Equal(cfg.Healthcheck.Test, []string{"CMD", "rota", "ping", "-q"}) {
		t.Errorf("the health check is %q", cfg.Healthcheck.Test)
	}
}

func create(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func awaitText(t *testing.T, path, want string) {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-time.After(10 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), want) {
			return
		}
	}
	t.Fatalf("%s does not come to say %q", path, want)
}
