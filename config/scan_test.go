package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// disagree returns how the scanner and the decoder differ on a text: a path
// that is not found, a place that holds another key, or another value.
func disagree(text string) string {
	data, fault, _ := decode(text)
	if fault != nil {
		return ""
	}
	root := scan(text)
	var check func(path []any, v any) string
	check = func(path []any, v any) string {
		n, whole := root.find(path)
		if !whole {
			return fmt.Sprintf("%q is not found", path)
		}
		if key, ok := path[len(path)-1].(string); ok {
			if got := keyAt(text[n.key.start:n.key.end]); got != key {
				return fmt.Sprintf("%q has the key %q", path, got)
			}
		}
		switch v := v.(type) {
		case map[string]any:
			for key, v := range v {
				if d := check(append(path[:len(path):len(path)], key), v); d != "" {
					return d
				}
			}
		case []any:
			for i, v := range v {
				if d := check(append(path[:len(path):len(path)], i), v); d != "" {
					return d
				}
			}
		case []map[string]any:
			for i, v := range v {
				if d := check(append(path[:len(path):len(path)], i), v); d != "" {
					return d
				}
			}
		default:
			literal := text[n.val.start:n.val.end]
			again, fault, _ := decode("x = " + literal)
			if fault != nil || fmt.Sprint(again["x"]) != fmt.Sprint(v) {
				return fmt.Sprintf("%q is %v, and its place says %q", path, v, literal)
			}
			if s, ok := v.(string); ok {
				if got, _ := unquote(literal, 0); got != s {
					return fmt.Sprintf("%q is %q, and unquoted %q", path, s, got)
				}
			}
		}
		return ""
	}
	for key, v := range data {
		if d := check([]any{key}, v); d != "" {
			return d
		}
	}
	return ""
}

func keyAt(literal string) string {
	if strings.HasPrefix(literal, `"`) || strings.HasPrefix(literal, `'`) {
		name, _ := unquote(literal, 0)
		return name
	}
	return literal
}

// hardTOML are texts in which places are hard to find.
var hardTOML = []string{
	"",
	"a = 1",
	"a.b.c = 1\na.b.d = 2\n[a.e]\nf = 3",
	"\"a b\" . 'c.d' = { x = [1, [2, { y = 3 }]], 'z' = 4 }",
	"[a]\n[a.b]\nc=1\n[d.e.f]\ng=[ # ]\n1,\n# x\n2,]\n",
	"[[a]]\nb=1\n[[a]]\nb=2\n[a.c]\nd=3\n[[a.e]]\nf=4\n[[a.e]]\nf=5\n",
	"[ a . \"b\" ]\nc = '''\n[x]\n''' # c\nd = \"\"\"a\"\"\"\"\"\ne = '''b'''''\n",
	"a = \"\"\"\\\n   x\\\n\n  y\"\"\"\nb = \"\\u00e9\\U0001F600\\t\\\"#\" # c\n",
	"a = 1979-05-27 07:32:00 # d\nb = [07:32:00, 1979-05-27]\n",
	"a = {}\nb = []\nc = [{}, {x=1}]\nd = { e.f = 1, e.g = 2 }\n",
	"a = {\n x = 1, # c\n y = 2,\n}\n",
	"a = \"x\"\r\n[b]\r\nc = '''\r\nd'''\r\n",
	"\"\" = 1\n[\"x\"]\n'' = 2\n",
	"a = [\"]\", '[', \"#\", '''\n]''']\nb = true\n",
	"a = \"\\\\\"\nb = '\\'\nc = \"\\x41\\e\"\n",
	"[a.b]\nx = 1\n[a]\ny = 2\nb.z = 3\n",
}

func TestScanAgrees(t *testing.T) {
	texts := hardTOML
	files, err := filepath.Glob(examples + "/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.TrimPrefix(string(text), byteOrderMark))
	}
	for _, text := range texts {
		if d := disagree(text); d != "" {
			t.Errorf("%s\nin:\n%s", d, text)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, text := range hardTOML {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d := disagree(text); d != "" {
			t.Errorf("%s\nin: %q", d, text)
		}
		scan(text) // also what is no TOML has to come to an end
	})
}

// A byte of what a string says is found in how it is written.
func TestUnquoteOffset(t *testing.T) {
	for _, c := range []struct {
		literal string
		n       int
		at      string // the text at that position
	}{
		{`"abc"`, 1, `bc"`},
		{`"abc"`, 3, `"`},
		{`"abc"`, 9, `"`},
		{`'a\tc'`, 1, `\tc'`},
		{`"a\tc"`, 1, `\tc"`},
		{`"a\tc"`, 2, `c"`},
		{`"\u00e9x"`, 0, `\u00e9x"`},
		{`"\u00e9x"`, 1, `\u00e9x"`},
		{`"\u00e9x"`, 2, `x"`},
		{`"éx"`, 2, `x"`},
		{"\"\"\"\nab\"\"\"", 0, `ab"""`},
		{"'''\r\nab'''", 1, `b'''`},
		{"\"\"\"a\\\n   b\"\"\"", 1, `b"""`},
		{`"""a"b"""`, 1, `"b"""`},
		{`""`, 0, `"`},
	} {
		if _, at := unquote(c.literal, c.n); c.literal[at:] != c.at {
			t.Errorf("byte %d of %s stands at %q, want %q", c.n, c.literal, c.literal[at:], c.at)
		}
	}
}
