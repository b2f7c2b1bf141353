package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rooms names, for each directory with Go files, the directories whose packages it may
// import; "." is the top. Adapters are strangers to each other: daemon joins them.
var rooms = map[string][]string{
	".":                            {"internal/command"},
	"config":                       {"schedule", "runner", "internal/escape", "internal/mail", "internal/suggest", "internal/trust"},
	"schedule":                     {"internal/suggest"},
	"internal/metrics":             {"runner", "internal/ledger"},
	"internal/mounts":              {},
	"runner":                       {"runner/internal/process", "internal/escape", "internal/mail", "internal/runlog", "internal/trust"},
	"internal/runlog":              {},
	"runner/internal/process":      {"internal/become", "internal/mounts", "internal/escape", "internal/trust"},
	"internal/early":               {},
	"internal/escape":              {},
	"internal/mail":                {"internal/escape", "internal/trust"},
	"internal/notify":              {"runner", "internal/escape", "internal/runlog"},
	"internal/api":                 {"runner", "schedule", "internal/escape"},
	"internal/become":              {},
	"internal/clock":               {},
	"internal/command":             {"internal/api", "config", "schedule", "runner", "internal/runlog", "internal/daemon", "internal/ledger", "internal/manual", "internal/control", "internal/crontab", "internal/escape", "internal/importer", "internal/plan", "internal/query", "internal/suggest", "internal/units"},
	"internal/control":             {"internal/api", "runner", "internal/ledger", "internal/escape", "internal/suggest", "internal/trust"},
	"internal/control/controltest": {"internal/api", "runner", "internal/control"},
	"internal/crontab":             {},
	"internal/hungtest":            {},
	"internal/daemon":              {"internal/api", "config", "runner", "internal/ledger", "internal/clock", "internal/control", "internal/early", "internal/engine", "internal/escape", "internal/page", "internal/suggest", "internal/trust"},
	"internal/disktest":            {},
	"internal/engine":              {"internal/api", "config", "schedule", "runner", "internal/runlog", "internal/ledger", "internal/clock", "internal/metrics", "internal/notify", "internal/plan", "internal/query", "internal/suggest"},
	"internal/importer":            {"config", "internal/crontab", "internal/escape", "internal/units", "schedule"},
	"internal/ledger":              {"runner", "internal/runlog"},
	"internal/ledger/ledgertest":   {"runner", "internal/ledger"},
	"internal/manual":              {"config"},
	"internal/manual/generate":     {"internal/manual"},
	"internal/page":                {"internal/api", "runner", "schedule", "internal/escape"},
	"internal/plan":                {"config", "internal/ledger", "runner", "schedule"},
	"internal/query":               {"config", "internal/api", "internal/ledger", "internal/plan", "internal/suggest", "internal/why", "runner", "internal/runlog", "schedule"},
	"internal/why":                 {"config", "internal/api", "internal/ledger", "internal/plan", "runner", "schedule"},
	"internal/suggest":             {},
	"internal/trust":               {},
	"internal/units":               {},
	"packaging":                    {},
}

// homes names, for each import path of others, the rooms that may use it, so
// that each need has one answer.
var homes = map[string][]string{
	"github.com/BurntSushi/toml":               {"config"},
	"github.com/coreos/go-systemd/v22/daemon":  {"internal/daemon"},
	"github.com/coreos/go-systemd/v22/journal": {"internal/daemon"},
	"github.com/coreos/go-systemd/v22/unit":    {"internal/command", "internal/units", "packaging"},
	"github.com/fsnotify/fsnotify":             {"config"},
	"github.com/gofrs/flock":                   {"internal/daemon"},
	"github.com/google/renameio/v2":            {"config", "runner/internal/process", "internal/command", "internal/daemon", "internal/engine"},
	"github.com/jedib0t/go-pretty/v6/table":    {"internal/command"},
	"github.com/jedib0t/go-pretty/v6/text":     {"internal/command"},
	"github.com/cenkalti/backoff/v5":           {"internal/notify"},
	"github.com/lmittmann/tint":                {"internal/daemon"},
	"github.com/wneessen/go-mail":              {"internal/mail"},
	"github.com/urfave/cli/v2":                 {"internal/command"},
	"golang.org/x/sys/unix":                    {"runner", "runner/internal/process", "internal/clock", "internal/command", "internal/control", "internal/daemon", "internal/engine", "internal/hungtest", "internal/mounts", "internal/trust"},
	"golang.org/x/term":                        {"internal/command", "runner/internal/process"},
	"zombiezen.com/go/sqlite":                  {"internal/ledger"},

	"github.com/prometheus/client_golang/prometheus":            {"internal/metrics"},
	"github.com/prometheus/client_golang/prometheus/collectors": {"internal/metrics"},
	"github.com/prometheus/client_model/go":                     {"internal/metrics"},
	"github.com/prometheus/common/expfmt":                       {"internal/metrics"},
}

// alsoInTests names what test files alone may import, wherever they are; in
// them a room may import itself and contracts, which are rooms whose names end
// in test, too.
var alsoInTests = []string{
	"github.com/BurntSushi/toml",
	"github.com/chromedp/cdproto/emulation",
	"github.com/chromedp/cdproto/network",
	"github.com/chromedp/chromedp",
	"github.com/chromedp/chromedp/kb",
	"github.com/rogpeppe/go-internal/testscript",
	"github.com/santhosh-tekuri/jsonschema/v6",
	"golang.org/x/sys/unix",
}

// roomsOfTests names what the tests alone of a room may import besides: at the top they
// ask a daemon as others do, and an engine is asked with the rights of others.
var roomsOfTests = map[string][]string{
	".":               {"internal/api", "internal/control", "runner"},
	"internal/engine": {"internal/control"},
}

// goFiles calls f for each Go file of this module, with its slash-separated
// path and its syntax as far as mode says.
func goFiles(t *testing.T, mode parser.Mode, f func(name string, fset *token.FileSet, file *ast.File)) {
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != ".":
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil { // a module of its own
				return fs.SkipDir
			}
			if d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
		case filepath.Ext(name) == ".go":
			file, err := parser.ParseFile(fset, name, nil, mode)
			if err != nil {
				return err
			}
			f(filepath.ToSlash(name), fset, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImports(t *testing.T) {
	seen := map[string]bool{} // rooms, and "room uses path"
	goFiles(t, parser.ImportsOnly, func(name string, fset *token.FileSet, file *ast.File) {
		room := path.Dir(name)
		allowed, ok := rooms[room]
		if !ok {
			t.Errorf("%s: the directory %s is in no table; add it to rooms in guard_test.go, with the few rooms that it needs", name, room)
			return
		}
		seen[room] = true
		test := strings.HasSuffix(name, "_test.go")
		for _, spec := range file.Imports {
			what := strings.Trim(spec.Path.Value, "`\"")
			at := fset.Position(spec.Pos())
			switch inner, ours := strings.CutPrefix(what, "rota/"); {
			case ours:
				if slices.Contains(allowed, inner) || test && (inner == room || strings.HasSuffix(inner, "test") || slices.Contains(roomsOfTests[room], inner)) {
					continue
				}
				t.Errorf("%s: %s may not import %s; if it must, add it to rooms[%q] in guard_test.go", at, room, inner, room)
			case strings.Contains(strings.Split(what, "/")[0], "."):
				if slices.Contains(homes[what], room) {
					seen[room+" uses "+what] = true
					continue
				}
				if test && slices.Contains(alsoInTests, what) {
					continue
				}
				t.Errorf("%s: %s may not import %s; if it must, add the room to homes[%q] in guard_test.go", at, room, what, what)
			}
		}
	})
	for room := range rooms {
		if !seen[room] {
			t.Errorf("rooms in guard_test.go names %s, where no Go file is", room)
		}
	}
	for what, users := range homes {
		for _, room := range users {
			if !seen[room+" uses "+what] {
				t.Errorf("homes in guard_test.go lets %s use %s, which it does not", room, what)
			}
		}
	}
}

// TestRoomsAreAcyclic proves that the table is one that Go would accept, and
// that no room stands under the top but command.
func TestRoomsAreAcyclic(t *testing.T) {
	var visit func(room string, way []string)
	visit = func(room string, way []string) {
		if slices.Contains(way, room) {
			t.Fatalf("rooms import each other in a circle: %s", strings.Join(append(way, room), " → "))
		}
		for _, next := range rooms[room] {
			if _, ok := rooms[next]; !ok {
				t.Errorf("rooms[%q] names %s, which is none", room, next)
			}
			visit(next, append(slices.Clone(way), room))
		}
	}
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		visit(room, nil)
		if room != "." && slices.Contains(rooms[room], "internal/command") {
			t.Errorf("%s imports internal/command, which is for main.go alone", room)
		}
	}
}

// TestTestsDoNotSleep keeps sleeping from being used to wait for something that
// will have happened by then, perhaps. In a bubble of synctest it is no such
// thing: there the clock moves when all else is done.
func TestTestsDoNotSleep(t *testing.T) {
	const excuse = "// time itself is the subject"
	goFiles(t, parser.ParseComments, func(name string, fset *token.FileSet, file *ast.File) {
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		excused := map[int]bool{} // by line
		for _, group := range file.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, excuse) {
					excused[fset.Position(c.Pos()).Line] = true
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && is(call.Fun, "synctest", "Test") {
				return false
			}
			if sel, ok := n.(*ast.SelectorExpr); ok && is(sel, "time", "Sleep") && !excused[fset.Position(sel.Pos()).Line] {
				t.Errorf("%s: a test does not sleep; wait for what it waits for, or end the line with %q", fset.Position(sel.Pos()), excuse)
			}
			return true
		})
	})
}

// is reports whether e is the name of a package's function.
func is(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}

// In the rooms that decide, a function fits on a screen.
func TestFunctionsFitOnAScreen(t *testing.T) {
	const most = 60
	decide := []string{"internal/engine", "internal/plan", "internal/query", "internal/why"}
	goFiles(t, parser.SkipObjectResolution, func(name string, fset *token.FileSet, file *ast.File) {
		if !slices.Contains(decide, path.Dir(name)) || strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1; n > most {
				t.Errorf("%s: %s has %d lines, more than %d; give its steps names", fset.Position(f.Pos()), f.Name.Name, n, most)
			}
		}
	})
}
