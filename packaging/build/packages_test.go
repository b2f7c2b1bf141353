package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the lists of files in testdata")

// stamp is the time of all entries of the packages that are tested.
const stamp = 1_700_000_000

// TestMain lets the test be the program: a build is one process, with an
// environment of its own.
func TestMain(m *testing.M) {
	if os.Getenv("ROTA_BUILD") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// build calls the program. The shell's umask, the time zone and the like are not to
// change a byte.
func build(umask string, env []string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command("sh", append([]string{"-c", `umask "$1"; shift; exec "$@"`, "sh", umask, self}, args...)...)
	cmd.Env = append(append(os.Environ(), "ROTA_BUILD=1", fmt.Sprint("SOURCE_DATE_EPOCH=", stamp)), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// need skips a test for want of a program.
func need(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("needs " + name)
		}
	}
}

func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out
}

// TestPackages builds all packages, and looks at them.
func TestPackages(t *testing.T) {
	dir := t.TempDir()
	dist := filepath.Join(dir, "dist")
	if err := build("022", []string{"TZ=UTC"}, "-version", "1.0.0", "-out", dist); err != nil {
		t.Fatal(err)
	}
	t.Run("reproducible", func(t *testing.T) { testReproducible(t, dist) })
	t.Run("sums", func(t *testing.T) {
		cmd := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
		cmd.Dir = dist
		if out, err := cmd.CombinedOutput(); err != nil || bytes.Count(out, []byte(": OK")) != 10 {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("contents", func(t *testing.T) { testContents(t, dist) })
	t.Run("static", func(t *testing.T) { testStatic(t, dist) })
	t.Run("sbom", func(t *testing.T) { testSBOM(t, dist) })
	t.Run("lintian", func(t *testing.T) {
		need(t, "lintian")
		// The reasons for overrides are in packaging/deb/lintian-overrides. The package
		// for arm64 has the same files.
		if out := output(t, "lintian", "--fail-on", "warning", "--allow-root", filepath.Join(dist, "rota_1.0.0-1_amd64.deb")); len(out) > 0 {
			t.Errorf("lintian:\n%s", out)
		}
	})
	t.Run("install", func(t *testing.T) { testInstall(t, dist) })
}

// The same sources make the same bytes, wherever they are and when ever they were
// written.
func testReproducible(t *testing.T, dist string) {
	dir := t.TempDir()
	top, again := filepath.Join(dir, "copy of rota"), filepath.Join(dir, "dist")
	if err := copySources(top); err != nil {
		t.Fatal(err)
	}
	if err := build("077", []string{"TZ=Asia/Tokyo", "LC_ALL=C", "GOFLAGS=-modcacherw"}, "-version", "1.0.0", "-out", again, "-source", top); err != nil {
		t.Fatal(err)
	}
	one, err := os.ReadDir(dist)
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadDir(again)
	if err != nil {
		t.Fatal(err)
	}
	if len(one) != 11 || len(two) != len(one) {
		t.Errorf("%d and %d files", len(one), len(two))
	}
	for _, e := range one {
		a, b := mustRead(t, filepath.Join(dist, e.Name())), mustRead(t, filepath.Join(again, e.Name()))
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs", e.Name())
		}
	}
}

// copySources copies what git would, with other times and modes.
func copySources(top string) error {
	const from = "../.."
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		to := filepath.Join(top, rel)
		switch {
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "dist" || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case !d.Type().IsRegular() || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return err
		}
		return os.Chtimes(to, time.Unix(1_600_000_000, 0), time.Unix(1_600_000_000, 0))
	})
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// item is what a package has at a path.
type item struct {
	header  *tar.Header
	content []byte
}

// unpack returns what is in a package, by its path.
func unpack(t *testing.T, file string) map[string]item {
	t.Helper()
	var archive []byte
	if strings.HasSuffix(file, ".deb") {
		archive = output(t, "dpkg-deb", "--fsys-tarfile", file)
	} else {
		archive = output(t, "bsdtar", "-cf", "-", "--format", "pax", "@"+file)
	}
	all := map[string]item{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")] = item{h, content}
	}
}

var packages = []string{
	"rota_1.0.0-1_amd64.deb", "rota_1.0.0-1_arm64.deb",
	"rota-1.0.0-1.x86_64.rpm", "rota-1.0.0-1.aarch64.rpm",
	"rota_1.0.0-r1_x86_64.apk", "rota_1.0.0-r1_aarch64.apk",
	"rota-1.0.0-1-x86_64.pkg.tar.zst", "rota-1.0.0-1-aarch64.pkg.tar.zst",
}

// roots are the names of an owner and a group in an archive, if it has names.
var roots = regexp.MustCompile(`^(root/root|/)$`)

// The contents of each package are those of its list, and all have the same time.
func testContents(t *testing.T, dist string) {
	need(t, "dpkg-deb", "bsdtar")
	for _, name := range packages {
		var lines []string
		for path, it := range unpack(t, filepath.Join(dist, name)) {
			h := it.header
			mode := h.FileInfo().Mode().String()
			lines = append(lines, mode+" "+path+"\n")
			if h.Uid != 0 || h.Gid != 0 || !roots.MatchString(h.Uname+"/"+h.Gname) {
				t.Errorf("%s: %s belongs to %s (%d) and %s (%d)", name, path, h.Uname, h.Uid, h.Gname, h.Gid)
			}
			// The archive in an rpm has no times: they are in its header.
			if at := h.ModTime.Unix(); at != stamp && !strings.HasSuffix(name, ".rpm") && path != ".PKGINFO" {
				t.Errorf("%s: %s is of %s", name, path, h.ModTime)
			}
		}
		slices.Sort(lines)
		format := name[strings.LastIndex(name, ".")+1:]
		golden := filepath.Join("testdata", format+".txt")
		got := strings.Join(lines, "")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := string(mustRead(t, golden)); got != want {
			t.Errorf("%s has\n%s\nand %s says\n%s", name, got, golden, want)
		}
	}
}

// If the packaged file changes, dpkg asks every user who has edited jobs.toml what to do.
// So it never changes.
func TestConffileNeverChanges(t *testing.T) {
	sum := sha256.Sum256(mustRead(t, "../jobs.toml"))
	const want = "b5993c702ba6921e0c1183d59a592c860ff2a2776ba20225db7b849b2df59bad"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("packaging/jobs.toml was changed: its sum is %s", got)
	}
}

// No program in a package needs a loader or a library, and each starts where there
// is nothing else.
func testStatic(t *testing.T, dist string) {
	need(t, "dpkg-deb", "bsdtar")
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "x86_64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "aarch64": elf.EM_AARCH64}
	for _, name := range packages {
		program := unpack(t, filepath.Join(dist, name))["usr/bin/rota"].content
		f, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		libraries, err := f.ImportedLibraries()
		if err != nil || len(libraries) > 0 || f.Section(".interp") != nil || f.Section(".symtab") != nil || f.Type != elf.ET_EXEC {
			t.Errorf("%s: type %v, libraries %v, %v", name, f.Type, libraries, err)
		}
		arch := regexp.MustCompile(`amd64|x86_64|arm64|aarch64`).FindString(name)
		if f.Machine != machines[arch] {
			t.Errorf("%s is for %v", name, f.Machine)
		}
		if machines[arch] != machines[runtime.GOARCH] || os.Getuid() != 0 {
			continue
		}
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "rota"), program, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/rota", "version")
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		cmd.Dir, cmd.Env = "/", []string{}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "rota 1.0.0 ") {
			t.Errorf("%s in an empty root: %v\n%s", name, err, out)
		}
	}
}

// The list of what is in the program names the program and its modules.
func testSBOM(t *testing.T, dist string) {
	need(t, "dpkg-deb")
	for _, arch := range []string{"amd64", "arm64"} {
		var list struct {
			BOMFormat, SpecVersion, SerialNumber string
			Metadata                             struct {
				Timestamp string
				Component struct {
					Hashes []struct{ Alg, Content string }
				}
			}
			Components []struct{ Name, Version, PURL string }
		}
		if err := json.Unmarshal(mustRead(t, filepath.Join(dist, "rota_1.0.0_linux_"+arch+".cdx.json")), &list); err != nil {
			t.Fatal(err)
		}
		program := unpack(t, filepath.Join(dist, "rota_1.0.0-1_"+arch+".deb"))["usr/bin/rota"].content
		sum := sha256.Sum256(program)
		if hashes := list.Metadata.Component.Hashes; len(hashes) != 1 || hashes[0].Content != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: not the sum of the program: %v", arch, hashes)
		}
		if list.BOMFormat != "CycloneDX" || !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(list.SerialNumber) || list.Metadata.Timestamp != "2023-11-14T22:13:20Z" {
			t.Errorf("%s: %s %s of %s", arch, list.BOMFormat, list.SerialNumber, list.Metadata.Timestamp)
		}
		names := map[string]bool{}
		for _, c := range list.Components {
			names[c.Name] = c.Version != "" && strings.HasPrefix(c.PURL, "pkg:golang/"+c.Name+"@")
		}
		for _, name := range []string{"std", "zombiezen.com/go/sqlite", "github.com/urfave/cli/v2"} {
			if !names[name] {
				t.Errorf("%s: %s is missing or lacks its version", arch, name)
			}
		}
	}
}

// debian unpacks a small Debian, which .ci/test has fetched, and returns its root.
func debian(t *testing.T) string {
	archive := os.Getenv("ROTA_DEBIAN")
	switch {
	case os.Getuid() != 0:
		t.Skip("only root can make a root to install in")
	case archive == "":
		t.Skip("needs ROTA_DEBIAN, the archive of a small Debian, as .ci/test makes it")
	}
	need(t, "tar")
	need(t, "unshare")
	root := t.TempDir()
	output(t, "tar", "-x", "--numeric-owner", "-p", "-f", archive, "-C", root)
	return root
}

// testInstall installs, upgrades and removes the package of Debian, by the script
// testdata/install.sh; its daemon talks to a real notify socket. The lines of the
// README run there, too.
func testInstall(t *testing.T, dist string) {
	root := debian(t)
	if err := build("022", nil, "-version", "1.0.1", "-arch", runtime.GOARCH, "-format", "deb", "-out", filepath.Join(root, "packages")); err != nil {
		t.Fatal(err)
	}
	deb := "rota_1.0.0-1_" + runtime.GOARCH + ".deb"
	for name, text := range map[string][]byte{
		"packages/" + deb: mustRead(t, filepath.Join(dist, deb)),
		"install.sh":      mustRead(t, "testdata/install.sh"),
		"systemctl":       mustRead(t, "testdata/systemctl.sh"),
		"readme.sh":       readmeLines(t, deb),
	} {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	heard := listen(t, filepath.Join(root, "notify"))
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc",
		`mount -t proc proc "$1/proc"; mount -t tmpfs tmpfs "$1/run"; exec chroot "$1" /bin/sh /install.sh "$2"`, "sh", root, runtime.GOARCH)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A start, reloads, the restarts by an upgrade and by an installation of the same
	// again, and the stop.
	words := regexp.MustCompile(`(?m)^(READY|RELOADING|STOPPING|EXTEND_TIMEOUT_USEC|STATUS|MONOTONIC_USEC)=.+$`)
	order, kinds := "", map[string]int{}
	for _, m := range words.FindAllStringSubmatch(heard(), -1) {
		kinds[m[1]]++
		if m[1] == "READY" || m[1] == "RELOADING" || m[1] == "STOPPING" {
			order += m[1] + " "
		}
	}
	if !regexp.MustCompile(`^READY (RELOADING READY ){2,}STOPPING READY STOPPING READY STOPPING $`).MatchString(order) {
		t.Errorf("the service manager received %s", order)
	}
	if kinds["STATUS"] == 0 || kinds["EXTEND_TIMEOUT_USEC"] != 3 || kinds["MONOTONIC_USEC"] != kinds["RELOADING"] {
		t.Errorf("the service manager received %v", kinds)
	}
}

// listen is a service manager: the returned function returns all messages that it
// received.
func listen(t *testing.T, path string) func() string {
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, err := socket.Read(buf)
			if err != nil || string(buf[:n]) == "end" {
				return
			}
			said.Write(append(buf[:n:n], '\n'))
		}
	}()
	t.Cleanup(func() { socket.Close() })
	return func() string {
		// Datagrams come in order, so after this one there is nothing left.
		c, err := net.Dial("unixgram", path)
		if err == nil {
			defer c.Close()
			_, err = c.Write([]byte("end"))
		}
		if err != nil {
			t.Fatal(err)
		}
		<-done
		return said.String()
	}
}

// readmeLines returns the way from a crontab to a service, as README.md has it.
func readmeLines(t *testing.T, deb string) []byte {
	t.Helper()
	_, rest, found := strings.Cut(string(mustRead(t, "../../README.md")), "From a crontab to a running service:\n\n")
	if !found {
		t.Fatal("README.md no longer says how to get from a crontab to a running service")
	}
	block, _, _ := strings.Cut(rest, "\n\n")
	lines := strings.Split(block, "\n")
	if len(lines) >= 10 {
		t.Errorf("%d lines, and there should be less than 10", len(lines))
	}
	// There are many versions, and here is none of sudo.
	text := strings.ReplaceAll(block, "./rota.deb", "./"+deb)
	if text == block || !strings.Contains(block, "rota import crontab") {
		t.Errorf("no package or no import:\n%s", block)
	}
	return []byte("set -eux\nsudo() { \"$@\"; }\ncd /packages\n" + text + "\n")
}
