package become

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestSpecSurvivesEncoding(t *testing.T) {
	mask, nice := 0o27, -5
	for _, s := range []Spec{
		{Argv: []string{"true"}},
		{Argv: []string{"a", "", "two words", "\xff:3:"}, Env: []string{"A=1", "B=\xfe\n"}, Dir: "/x:y", Rights: Rights{
			Umask: &mask, Nice: &nice, Limits: [4]*Limit{1: {7, 12}, 3: {4, 1<<64 - 1}}, User: &User{1, 2, []uint32{3, 1<<32 - 1}},
		}},
		{Argv: []string{"x"}, Rights: Rights{User: &User{}}},
	} {
		got, ok := decode(s.Encode())
		if s.Env == nil {
			s.Env = []string{}
		}
		if !ok || !reflect.DeepEqual(got, s) {
			t.Errorf("%+v became %+v, %v", s, got, ok)
		}
	}
	for _, text := range []string{"", "1:", "1:1", "1:9", "2:-1", "99999999999999999999:x", "0:0:0:"} {
		if s, ok := decode([]byte(text)); ok {
			t.Errorf("%q became %+v", text, s)
		}
	}
}

func FuzzDecode(f *testing.F) {
	s := Spec{Argv: []string{"a"}, Env: []string{"A=1"}, Dir: "/"}
	f.Add(s.Encode())
	f.Add([]byte("1:11:x1:0"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, ok := decode(text); ok {
			if again, ok := decode(s.Encode()); !ok || !reflect.DeepEqual(again, s) {
				t.Errorf("%+v became %+v, %v", s, again, ok)
			}
		}
		_ = DecodeFailure(text)
	})
}

func TestFailureSurvivesEncoding(t *testing.T) {
	for _, f := range []*Failure{{Step: Limits, Which: 7, Errno: syscall.EPERM}, {Step: Exec, Errno: syscall.ENOENT}} {
		if got := DecodeFailure(f.Encode()); !reflect.DeepEqual(got, f) {
			t.Errorf("%+v became %+v", f, got)
		}
	}
	if got := DecodeFailure(nil); got != nil {
		t.Errorf("nothing became %+v", got)
	}
}

// The package is initialized before others only as long as it needs few itself.
func TestImportsNextToNothing(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{`"os"`, `"strconv"`, `"syscall"`, `"unsafe"`}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if !slices.Contains(allowed, i.Path.Value) {
				t.Errorf("%s imports %s: is rota still quick to start a program as another user?", name, i.Path.Value)
			}
		}
	}
}

// A helper of the whole program ends before what is costly is initialized: the
// runtime reports which packages were.
func TestHelperIsFirst(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "rota")
	build := exec.Command("go", "build", "-o", binary, "rota")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	helper := exec.Command(binary)
	helper.Args = []string{Name}
	helper.Env = []string{"GODEBUG=inittrace=1"}
	out, _ := helper.CombinedOutput()
	if helper.ProcessState.ExitCode() != 125 || !strings.Contains(string(out), "init os ") {
		t.Fatalf("exit %d, %s", helper.ProcessState.ExitCode(), out)
	}
	for _, late := range []string{"unicode", "fmt", "rota/config", "rota/runner", "modernc.org/libc", "github.com/russross/blackfriday/v2"} {
		if strings.Contains(string(out), "init "+late+" ") {
			t.Errorf("%s is initialized before the helper ends", late)
		}
	}
}
