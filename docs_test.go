package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ask runs rota with some text at its stdin, and returns its exit code and all
// that it says.
func ask(t *testing.T, stdin string, args ...string) (code int, said string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "rota-asked"
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pages returns the pages about migration from other systems, by name.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("docs/coming-from-*.md")
	if err != nil || len(files) != 8 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	all := map[string]string{}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "coming-from-"), ".md")
		all[name] = read(t, file)
	}
	return all
}

// guides are all pages with files to copy from.
func guides(t *testing.T) map[string]string {
	all := pages(t)
	for _, name := range []string{"containers", "with-others"} {
		all[name] = read(t, "docs/"+name+".md")
	}
	return all
}

var (
	rowOfPage   = regexp.MustCompile(`(?m)^\| (.+?) \| .+ \|$`)
	rowOfScript = regexp.MustCompile(`(?m)^# row: (.+)$`)
)

// A script demonstrates what a page promises: each row of its table is a comment in one
// of testdata/script/heritage_NAME*.txtar, above the lines that show it.
func TestRowsOfPagesAreShown(t *testing.T) {
	for name, page := range pages(t) {
		promised := map[string]bool{}
		for _, m := range rowOfPage.FindAllStringSubmatch(page, -1) {
			promised[m[1]] = true
		}
		delete(promised, "there")
		if len(promised) < 5 {
			t.Errorf("%s: only %d rows", name, len(promised))
		}
		scripts, err := filepath.Glob("testdata/script/heritage_" + name + "*.txtar")
		if err != nil {
			t.Fatal(err)
		}
		shown := map[string]bool{}
		for _, script := range scripts {
			for _, m := range rowOfScript.FindAllStringSubmatch(read(t, script), -1) {
				if !promised[m[1]] {
					t.Errorf("%s shows what the page does not mention: %s", script, m[1])
				}
				shown[m[1]] = true
			}
		}
		for row := range promised {
			if !shown[row] {
				t.Errorf("%s: no script shows: %s", name, row)
			}
		}
	}
}

// The files on the pages, and the recipes, have no errors and no warnings.
func TestFilesOfDocs(t *testing.T) {
	check := func(name, text string) {
		if code, said := ask(t, text, "check", "-"); code != 0 || strings.Contains(said, "warning") {
			t.Errorf("%s: exit code %d:\n%s", name, code, said)
		}
	}
	fence := regexp.MustCompile("(?s)```toml\n(.*?)```")
	for name, page := range guides(t) {
		blocks := fence.FindAllStringSubmatch(page, -1)
		if len(blocks) == 0 {
			t.Errorf("%s: no file", name)
		}
		for _, m := range blocks {
			check(name, m[1])
		}
	}
	for _, name := range []string{"recipes", "notify"} {
		check(name, read(t, "docs/"+name+".toml"))
	}
}

// The commands on the pages, and their flags, are there.
func TestCommandsOfDocs(t *testing.T) {
	command := regexp.MustCompile(`rota ([a-z]+)([^` + "`" + `|;\n]*)`)
	flag := regexp.MustCompile(`(?:^| )(--?[a-z][a-z-]*)`)
	help := map[string][]string{} // the words of each command's page
	_, general := ask(t, "", "help")
	for name, page := range guides(t) {
		for _, m := range command.FindAllStringSubmatch(strings.Join(code(page), "\n"), -1) {
			verb := m[1]
			if help[verb] == nil {
				exit, said := ask(t, "", "help", verb)
				if exit != 0 {
					t.Errorf("%s: %s: %s", name, m[0], said)
				}
				help[verb] = strings.FieldsFunc(general+said, func(r rune) bool { return strings.ContainsRune(" ,\n", r) })
			}
			for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(help[verb], f[1]) {
					t.Errorf("%s: %s: rota %s has no %s", name, m[0], verb, f[1])
				}
			}
		}
	}
}

// code returns what stands between backticks on the lines of a page.
func code(page string) []string {
	var all []string
	for line := range strings.Lines(page) {
		for i, part := range strings.Split(line, "`") {
			if i%2 == 1 {
				all = append(all, part)
			}
		}
	}
	return all
}

// Every file that the page on architecture names is there.
func TestArchitectureNamesFiles(t *testing.T) {
	inDaemon := func(name string) string {
		if strings.Contains(name, "/") || name == "guard_test.go" {
			return name
		}
		return "internal/daemon/" + name
	}
	names := regexp.MustCompile("`([a-z_/]+\\.go)`").FindAllStringSubmatch(read(t, "docs/architecture.md"), -1)
	if len(names) < 20 {
		t.Errorf("only %d names", len(names))
	}
	for _, name := range names {
		if _, err := os.Stat(inDaemon(name[1])); err != nil {
			t.Error(err)
		}
	}
}

// For other systems than Linux there is a program that says so, and nothing else.
func TestOtherSystems(t *testing.T) {
	list := exec.Command("go", "list", "-deps", ".")
	list.Env = append(os.Environ(), "GOOS=darwin", "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(out)) {
		if name = strings.TrimSpace(name); strings.HasPrefix(name, "rota/") {
			t.Errorf("%s is built for another system", name)
		}
	}
}
