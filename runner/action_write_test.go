package runner

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func runWrite(t *testing.T, w Write) (string, error) {
	t.Helper()
	wantProblems(t, w, w.Check())
	var out strings.Builder
	err := w.Run(t.Context(), sampleInput(), &out)
	return out.String(), err
}

func wantFile(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	have, err := os.ReadFile(path)
	if err != nil || string(have) != text {
		t.Errorf("%s holds %q, %v; want %q", path, have, err, text)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode() != mode {
		t.Errorf("%s has mode %v, want %v", path, info.Mode(), mode)
	}
}

func wantEntries(t *testing.T, dir string, n int) {
	t.Helper()
	if entries, _ := os.ReadDir(dir); len(entries) != n {
		t.Errorf("%s has %v, want %d entries", dir, entries, n)
	}
}

func TestWrite(t *testing.T) {
	old := syscall.Umask(0o077) // the mode has to be exact in spite of it
	defer syscall.Umask(old)
	dir := t.TempDir()
	source := filepath.Join(dir, "page.tmpl")
	os.WriteFile(source, []byte("<p>{{.Task}}, attempt {{.Attempt}}</p>"), 0o600)
	path := filepath.Join(dir, "file")
	before := time.Now().Add(-time.Hour).Truncate(time.Second)

	for _, test := range []struct {
		name  string
		write Write
		says  string
		text  string
		mode  fs.FileMode
		kept  bool // the file is not touched
	}{
		{"new", Write{Text: "{{.Task}}\n"}, "wrote PATH, 7 bytes", "backup\n", 0o644, false},
		{"replaced", Write{Text: "b", Mode: 0o666}, "wrote PATH, 1 bytes", "b", 0o666, false},
		{"equal is written too", Write{Text: "b", Mode: 0o666}, "wrote PATH, 1 bytes", "b", 0o666, false},
		{"unchanged", Write{Text: "b", Mode: 0o666, IfChanged: true}, "PATH is unchanged", "b", 0o666, true},
		{"another mode", Write{Text: "b", Mode: 0o640, IfChanged: true}, "wrote PATH, 1 bytes", "b", 0o640, false},
		{"another text", Write{Text: "c", Mode: 0o640, IfChanged: true}, "wrote PATH, 1 bytes", "c", 0o640, false},
		{"append keeps the mode", Write{Text: "d\n", Append: true}, "appended 2 bytes to PATH", "cd\n", 0o640, false},
		{"from a file", Write{TemplateFile: source}, "wrote PATH, 24 bytes", "<p>backup, attempt 2</p>", 0o644, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			os.Chtimes(path, before, before)
			test.write.Path = path
			out, err := runWrite(t, test.write)
			if want := strings.ReplaceAll(test.says, "PATH", path) + "\n"; err != nil || out != want {
				t.Errorf("said %q, %v; want %q", out, err, want)
			}
			wantFile(t, path, test.text, test.mode)
			if info, err := os.Stat(path); err != nil || info.ModTime().Equal(before) != test.kept {
				t.Errorf("touched: %v, want %v", !info.ModTime().Equal(before), !test.kept)
			}
			wantEntries(t, dir, 2) // nothing temporary stays
		})
	}
	t.Run("append makes a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "log")
		if out, err := runWrite(t, Write{Path: path, Text: "x", Append: true, Mode: 0o664}); err != nil {
			t.Error(out, err)
		}
		wantFile(t, path, "x", 0o664)
	})
}

func TestWriteFollowsItsLink(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	target, link, link2 := filepath.Join(other, "real"), filepath.Join(dir, "link"), filepath.Join(dir, "link2")
	os.Symlink(target, link)
	os.Symlink("link", link2)
	for _, text := range []string{"made through a dangling link", "replaced"} {
		if _, err := runWrite(t, Write{Path: link2, Text: text}); err != nil {
			t.Fatal(err)
		}
		wantFile(t, target, text, 0o644)
	}
	if to, err := os.Readlink(link2); err != nil || to != "link" {
		t.Errorf("the link became %q, %v", to, err)
	}
	wantEntries(t, dir, 2)
	wantEntries(t, other, 1)
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	os.Mkdir(at("directory"), 0o755)
	os.Symlink("loop", at("loop"))
	os.Symlink("directory", at("to-directory"))
	os.Symlink("nosuch/file", at("to-nowhere"))
	os.WriteFile(at("large"), make([]byte, templateFileMax+1), 0o600)
	os.WriteFile(at("broken"), []byte("{{.Nosuch}}"), 0o600)
	if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		write Write
		err   string
	}{
		{Write{Path: at("nosuch/file"), Text: "x"}, "no such file or directory; make it first"},
		{Write{Path: at("to-nowhere"), Text: "x"}, "no such file or directory; make it first"},
		{Write{Path: at("directory"), Text: "x"}, "directory is not a regular file and is left unchanged"},
		{Write{Path: at("to-directory"), Text: "x", Append: true}, "directory is not a regular file and is left unchanged"},
		{Write{Path: at("fifo"), Text: "x"}, "fifo is not a regular file and is left unchanged"},
		{Write{Path: at("fifo"), Text: "x", Append: true}, "fifo is not a regular file and is left unchanged"},
		{Write{Path: "/dev/null", Text: "x"}, "/dev/null is not a regular file and is left unchanged"},
		{Write{Path: at("loop"), Text: "x"}, "too many levels of symbolic links"},
		{Write{Path: at("f"), TemplateFile: at("nosuch")}, "no such file"},
		{Write{Path: at("f"), TemplateFile: at("fifo")}, "fifo is not a regular file"},
		{Write{Path: at("f"), TemplateFile: at("directory")}, "directory is not a regular file"},
		{Write{Path: at("f"), TemplateFile: "/dev/zero"}, "/dev/zero is not a regular file"},
		{Write{Path: at("f"), TemplateFile: at("large")}, "large is larger than 1 MiB"},
		{Write{Path: at("f"), TemplateFile: at("broken")}, "template_file: template: line 1:2:"},
		{Write{Path: at("f"), Text: "{{.Params.nosuch}}"}, "text: template: line 1:9:"},
	} {
		if out, err := runWrite(t, test.write); out != "" || !matches(err, test.err) || test.err == "" {
			t.Errorf("%+v: %q, %v; want %s", test.write, out, err, test.err)
		}
	}
	wantEntries(t, dir, 7)
}

func TestWriteRefusesLinksOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a link of another user")
	}
	dir := t.TempDir()
	target, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	os.WriteFile(target, []byte("precious"), 0o600)
	os.Symlink("real", link)
	if err := os.Lchown(link, 12345, 12345); err != nil {
		t.Skip(err)
	}
	for _, w := range []Write{{Path: link, Text: "x"}, {Path: link, Text: "x", Append: true}} {
		if _, err := runWrite(t, w); !matches(err, "the symbolic link belongs to uid 12345") {
			t.Errorf("%+v: %v", w, err)
		}
	}
	wantFile(t, target, "precious", 0o600)
}

func TestWriteFaults(t *testing.T) {
	for _, test := range []struct {
		write Write
		want  []string
	}{
		{Write{}, []string{"path: path is needed", ": write needs text or template_file"}},
		{Write{Path: "/p/", Text: "x"}, []string{"path: path names a directory"}},
		{Write{Path: "/p-{{.Task}}", Text: "x"}, []string{"path: path cannot be a template"}},
		{Write{Path: "/p", TemplateFile: "/{{.Task}}"}, []string{"template_file: template_file cannot be a template"}},
		{Write{Path: "/p", Text: "x", TemplateFile: "/t"}, []string{"template_file: write has both"}},
		{Write{Path: "/p", Text: "x", Mode: 0o4755}, []string{"mode: mode 04755 is out of range"}},
		{Write{Path: "/p", Text: "x", Append: true, IfChanged: true}, []string{"if_changed: if_changed has no meaning"}},
		{Write{Path: "/p", Text: "{{.X}}"}, []string{"text: template: unknown field .X"}},
	} {
		wantProblems(t, test.write, test.write.Check(), test.want...)
	}
}
