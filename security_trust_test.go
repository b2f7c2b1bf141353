package main_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"rota/internal/hungtest"
)

// nobody makes a command run as a user other than root.
func nobody(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// public returns a directory below /tmp where other users may look, with a copy of
// the program.
func public(t *testing.T) (dir, binary string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "rota")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "rota")
	mustDo(t, os.Chmod(dir, 0o755), os.WriteFile(binary, program, 0o755))
	return dir, binary
}

func mustDo(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A user of a task has it write a configuration to its result, and a link to that
// put where files are included. It does not become what root runs: neither where
// the user may make the link, nor where root did.
func TestResultIsNoConfiguration(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root runs tasks of other users")
	}
	t.Parallel()
	dir, _ := public(t)
	conf := filepath.Join(dir, "conf.d")
	mustDo(t, os.Mkdir(conf, 0o755))
	put(t, filepath.Join(dir, "jobs.toml"), header+`include = "conf.d/*.toml"
[tasks.theirs]
user = "nobody"
dir = "/"
command = "echo '[tasks.evil]\ncommand = \"id\"' >$ROTA_RESULT_FILE"
`)
	d := startDaemon(t, dir, nil)
	d.msg(new(int), "started", "")
	if code, _, said := d.rota("run", "theirs", "--id", "a", "--wait"); code != 0 {
		t.Fatal(said)
	}
	result := filepath.Join(dir, "state", "logs", "theirs", "a.result")
	awaitText(t, result, "evil")
	refused := func(what, path string) {
		t.Helper()
		if code, _, said := d.rota("reload"); code != 3 || !strings.Contains(said, path) {
			t.Errorf("%s: reload: %d %s, want a word of %s", what, code, said, path)
		}
		if code, said, _ := d.rota("check"); code != 3 || !strings.Contains(said, path) {
			t.Errorf("%s: check: %d %s, want a word of %s", what, code, said, path)
		}
		if code, _, said := d.rota("run", "evil"); code != 4 {
			t.Errorf("%s: root runs it: %d %s", what, code, said)
		}
	}

	mustDo(t, os.Chown(conf, 0, 65534), os.Chmod(conf, 0o775))
	link := exec.Command("ln", "-s", result, filepath.Join(conf, "evil.toml"))
	nobody(link)
	if out, err := link.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	refused("a link of the user", conf)

	mustDo(t, os.Chmod(conf, 0o755), os.Remove(filepath.Join(conf, "evil.toml")), os.Symlink(result, filepath.Join(conf, "evil.toml")))
	refused("a link of root", result)

	// Wherever rota lets others have something written.
	err := filepath.WalkDir(filepath.Join(dir, "state"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() || filepath.Base(path) == "state" {
			return err
		}
		put(t, filepath.Join(path, "text"), "[tasks.evil]\ncommand = \"id\"\n")
		mustDo(t, os.Remove(filepath.Join(conf, "evil.toml")), os.Symlink(filepath.Join(path, "text"), filepath.Join(conf, "evil.toml")))
		refused("a link to "+path, path)
		return os.Remove(filepath.Join(path, "text"))
	})
	mustDo(t, err, os.Remove(filepath.Join(conf, "evil.toml")))
	if code, _, said := d.rota("reload"); code != 0 {
		t.Errorf("without it: %d %s", code, said)
	}
}

// A daemon of a user takes a clone under umask 002, and directories of others; not
// one that everybody can write to.
func TestPlacesOfAUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	t.Parallel()
	for name, c := range map[string]struct {
		mode  os.FileMode // of the directory of the file
		owner int
		code  int // of check
	}{
		"a clone under umask 002": {0o775, 65534, 0},
		"a directory of another":  {0o755, 1, 0},
		"everybody's":             {0o777, 65534, 3},
		"everybody's, sticky":     {0o777 | os.ModeSticky, 65534, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, binary := public(t)
			dir := filepath.Join(root, "clone")
			jobs := filepath.Join(dir, "jobs.toml")
			mustDo(t, os.Mkdir(dir, 0o755))
			mustDo(t, os.WriteFile(jobs, []byte(fmt.Sprintf("[rota]\nstate_dir = %q\nlog_format = \"json\"\n[tasks]\n", filepath.Join(root, "state"))), 0o664))
			mustDo(t, os.Chmod(jobs, 0o664), os.Chown(jobs, 65534, 65534), os.Mkdir(filepath.Join(root, "state"), 0o700), os.Chown(filepath.Join(root, "state"), 65534, 65534))
			mustDo(t, os.Chown(dir, c.owner, c.owner), os.Chmod(dir, c.mode))
			d := &daemon{t: t, dir: dir, at: filepath.Join(root, "state", "rota.sock")}
			check := d.command("check", jobs)
			check.Path, check.Dir = binary, "/"
			nobody(check)
			out, _ := check.CombinedOutput()
			if code := check.ProcessState.ExitCode(); code != c.code || code != 0 && !strings.Contains(string(out), "chmod o-w "+dir) {
				t.Errorf("check: %d %s", code, out)
			}
			if c.code != 0 {
				return
			}
			running := startDaemon(t, dir, func(c *exec.Cmd) {
				c.Path, c.Dir = binary, "/"
				nobody(c)
			})
			running.msg(new(int), "started", "")
		})
	}
}

// As PID 1 of a container rota accepts a volume as Kubernetes mounts it: all users can
// write to it, and the files belong to the user of the image.
func TestVolumeOfAContainer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a PID namespace")
	}
	t.Parallel()
	dir := t.TempDir()
	jobs := filepath.Join(dir, "..data", "jobs.toml")
	mustDo(t, os.Mkdir(filepath.Join(dir, "..data"), 0o755))
	put(t, jobs, header+"[tasks.a]\nat_start = true\ncommand = \"true\"\n")
	mustDo(t, os.Chown(jobs, 1000, 1000), os.Symlink("..data/jobs.toml", filepath.Join(dir, "jobs.toml")), os.Chmod(dir, 0o777))
	mustDo(t, os.Mkdir(filepath.Join(dir, "state"), 0o755), os.Chmod(filepath.Join(dir, "state"), 0o777))
	d := startDaemon(t, dir, asPID1)
	d.msg(new(int), "ok", "a")
}

// While a directory that the file includes does not answer, everything else continues: a
// client that reloads gets an error that names it, and the daemon can be stopped.
func TestReloadFromAHungMount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf.d")
	mustDo(t, os.Mkdir(conf, 0o755))
	put(t, filepath.Join(conf, "x.toml"), "[tasks.x]\nlog = \"x\"\n")
	put(t, filepath.Join(dir, "jobs.toml"), header+"include = \"conf.d/*.toml\"\n"+tick)
	d := startDaemon(t, dir, nil)
	var from int
	d.msg(&from, "started", "")
	mount := hungtest.Mount(t, conf)
	for range 2 { // the second is answered at once
		if code, _, said := d.rota("reload"); code != 3 || !strings.Contains(said, conf) {
			t.Errorf("reload: %d %s", code, said)
		}
	}
	d.msg(&from, "running", "tick")
	if code, out, said := d.rota("list"); code != 0 || !strings.Contains(out, "x") {
		t.Errorf("list: %d %s", code, said)
	}
	put(t, filepath.Join(dir, "jobs.toml"), header+"include = \"conf.d/*.toml\"\n"+strings.Replace(tick, "hourly", "daily", 1))
	mustDo(t, mount.Release())
	d.msg(&from, "reloaded", "") // by itself

	mount = hungtest.Mount(t, conf)
	put(t, filepath.Join(dir, "jobs.toml"), header+"include = \"conf.d/*.toml\"\n"+tick)
	mustDo(t, mount.Asked(t.Context()))
	if code := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// Where README says how to build it, the program needs nothing else on the machine.
func TestEmptyRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can change the root directory")
	}
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	mustDo(t, err)
	build := regexp.MustCompile(`(?m)^    ((?:[A-Z_]+=\S+ )*)go build`).FindStringSubmatch(string(readme))
	if build == nil {
		t.Fatal("README.md does not say how to build")
	}
	root := t.TempDir()
	c := exec.Command("go", "build", "-o", filepath.Join(root, "rota"), ".")
	c.Env = append(os.Environ(), strings.Fields(build[1])...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	put(t, filepath.Join(root, "jobs.toml"), "[rota]\ntimezone = \"Europe/Berlin\"\n[tasks.a]\nat = \"08:00\"\ncommand = \"true\"\n")
	for args, want := range map[string]string{
		"version":                 "rota",
		"check jobs.toml":         "ok",
		"next -c jobs.toml -n 1":  "08:00:00 CE",
		"list -c jobs.toml --utc": "a",
	} {
		c := exec.Command("/rota", strings.Fields(args)...)
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		c.Dir, c.Env = "/", []string{}
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("rota %s: %v: %s", args, err, out)
		}
	}
}

// A user without a home directory is shown the state directory, by check and by the
// daemon's log.
func TestStateOfAUserWithoutAHome(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	dir, binary := public(t)
	mustDo(t, os.Mkdir(filepath.Join(dir, "tmp"), 0o777), os.Chmod(filepath.Join(dir, "tmp"), 0o777|os.ModeSticky))
	put(t, filepath.Join(dir, "jobs.toml"), "[tasks.a]\nlog = \"a\"\n")
	warning := fmt.Sprintf("neither HOME nor XDG_STATE_HOME is set: the state directory is %s/tmp/rota-65534", dir)
	for _, test := range []struct {
		args []string
		env  string
		want bool
	}{
		{[]string{"check", "jobs.toml"}, "A=1", true},
		{[]string{"check", "jobs.toml"}, "HOME=" + dir, false},
		{[]string{"daemon", "--once", "-c", "jobs.toml"}, "A=1", true},
	} {
		c := exec.Command(binary, test.args...)
		c.Args[0], c.Dir, c.Env = "rota-test", dir, []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + filepath.Join(dir, "tmp"), test.env}
		nobody(c)
		out, err := c.CombinedOutput()
		if err != nil || strings.Contains(string(out), warning) != test.want {
			t.Errorf("%s, %s: %v\n%s", test.args, test.env, err, out)
		}
	}
}
