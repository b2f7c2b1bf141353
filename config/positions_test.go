package config

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestPositions(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"jobs.toml": "[rota]\ninclude = \"more/*.toml\"\n[defaults]\nshell = [\"/bin/dash\", \"-c\"]\n" +
			"[tasks.a]\nexcept = \"file:off\"\nat = \"08:00\"\ncommand = [\"a\", \"b\"]\nsecrets = { KEY = \"env:KEY\" }\n[tasks.a.env]\nX = \"1\"\n",
		"off":           "2026-12-24\n",
		"more/one.toml": "[tasks.b]\nuser = \"nobody\"\ncommand = \"b\"\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	c, err := Load("jobs.toml", Options{TrustFile: true})
	if err != nil {
		t.Fatal(err)
	}
	places := c.Positions()
	path := func(keys ...string) []string { return keys }
	for _, x := range []struct {
		paths [][]string
		want  string // file:line:col+width
	}{
		{[][]string{path("tasks", "a", "secrets", "KEY")}, "jobs.toml:9:19+9"},
		{[][]string{path("tasks", "a", "command")}, "jobs.toml:8:11+10"},
		{[][]string{path("tasks", "a", "env")}, "jobs.toml:10:10+3"},
		{[][]string{path("tasks", "b", "user")}, "more/one.toml:2:8+8"},
		{[][]string{path("tasks", "b", "shell"), path("defaults", "shell")}, "jobs.toml:4:9+19"},
		{[][]string{path("tasks", "b", "dir"), path("defaults", "dir"), path("tasks", "b")}, "more/one.toml:1:8+1"},
		{[][]string{path("smtp", "host")}, "jobs.toml:0:0+0"},
	} {
		f := places.Point(Fault{Msg: "no"}, x.paths...)
		if got := fmt.Sprintf("%s:%d:%d+%d", f.File, f.Line, f.Col, f.Width); got != x.want {
			t.Errorf("%v: %s, want %s", x.paths, got, x.want)
		}
	}
	one, two := places.Point(Fault{}, path("tasks", "b")), places.Point(Fault{}, path("tasks", "a"))
	if places.Compare(two, one) >= 0 || places.Compare(one, one) != 0 {
		t.Errorf("%s stands before %s", one.File, two.File)
	}
}
