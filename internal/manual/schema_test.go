package manual

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"rota/config"
)

// compiled is the schema of a file, ready to judge.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s := compile(t, Schema())
	if s.DraftVersion != 2020 {
		t.Fatalf("the schema is of draft %d", s.DraftVersion)
	}
	return s
}

func compile(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("jobs.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("jobs.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// judge holds a TOML text against the schema.
func judge(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var said map[string]any
	if _, err := toml.Decode(text, &said); err != nil {
		t.Fatalf("%v\nin:\n%s", err, text)
	}
	return s.Validate(asJSON(said))
}

// asJSON is what an editor holds against a schema: times are texts.
func asJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = asJSON(v[key])
		}
	case []any:
		for i := range v {
			v[i] = asJSON(v[i])
		}
	case []map[string]any:
		list := []any{}
		for _, item := range v {
			list = append(list, asJSON(item))
		}
		return list
	case time.Time:
		return v.Format(time.RFC3339)
	}
	return v
}

// The file beside the source is the schema as it is now.
func TestSchemaFile(t *testing.T) {
	text, err := os.ReadFile("../../jobs.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, Schema()) {
		t.Error("jobs.schema.json is not what Schema returns; type: go generate ./internal/manual")
	}
	for _, word := range []string{`"oneOf"`, `"anyOf"`, `"$ref"`} {
		if bytes.Contains(text, []byte(word)) {
			t.Errorf("the schema has %s, which editors explain badly", word)
		}
	}
}

// The schema accepts what rota accepts.
func TestSchemaTakesFiles(t *testing.T) {
	s := compiled(t)
	var files []string
	for _, pattern := range []string{"../../jobs.example.toml", "../../docs/*.toml", "../../testdata/config/valid-*.toml", "../../testdata/config/conf.d/*.toml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := judge(t, s, string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// kinds are values of each kind, which mean nothing. A time is a text to a
// schema.
var kinds = []struct {
	value string
	of    func(config.Type) bool
}{
	{`"\u0001"`, func(t config.Type) bool { return t.Text || t.Time }},
	{`-999999`, func(t config.Type) bool { return t.Number }},
	{`1.5`, func(t config.Type) bool { return t.Fraction }},
	{`true`, func(t config.Type) bool { return t.Truth }},
	{`2026-12-24T18:00:00`, func(t config.Type) bool { return t.Text || t.Time }},
	{`{ x = {} }`, func(t config.Type) bool { return t.Table != "" || t.Named != nil }},
	{`["\u0001", "\u0001"]`, func(t config.Type) bool { return t.List != nil }},
}

// The schema of each key takes the examples, and no value of another kind or out
// of bounds.
func TestSchemaOfKeys(t *testing.T) {
	tables := map[string]config.Table{}
	for _, table := range config.Tables() {
		tables[table.Name] = table
	}
	for _, table := range tables {
		for k := range table.Keys() {
			text, err := json.Marshal(&schema{Type: []string{"object"}, Properties: map[string]*schema{"key": ofType(tables, k.Type)}})
			if err != nil {
				t.Fatal(err)
			}
			s := compile(t, text)
			takes := func(value string, want bool) {
				t.Helper()
				if err := judge(t, s, "key = "+value); (err == nil) != want {
					t.Errorf("[%s] %s = %s: taken is %v: %v", table.Name, k.Name, value, !want, err)
				}
			}
			for _, value := range k.Examples {
				takes(value, true)
			}
			types := map[string]config.Type{"%s": k.Type}
			if k.Type.List != nil {
				types["[%s]"] = *k.Type.List
			}
			for form, of := range types {
				for _, kind := range kinds {
					if !kind.of(of) {
						takes(fmt.Sprintf(form, kind.value), false)
					}
				}
				if of.Words != nil || of.Pattern != "" {
					takes(fmt.Sprintf(form, `"no such word"`), false)
				}
				for _, w := range of.Words {
					takes(fmt.Sprintf(form, `"`+w+`"`), true)
				}
				if of.Number && of.Max != 0 {
					takes(fmt.Sprintf(form, fmt.Sprint(of.Min)), true)
					takes(fmt.Sprintf(form, fmt.Sprint(of.Min-1)), false)
					if of.Max < math.MaxInt {
						takes(fmt.Sprintf(form, fmt.Sprint(of.Max)), true)
						takes(fmt.Sprintf(form, fmt.Sprint(of.Max+1)), false)
					}
				}
			}
		}
	}
}

// The schema of a file refuses what no key is, what lacks a key, and names that
// are none.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	if err := judge(t, s, "[tasks.a]\ncommand = \"x\"\n[defaults]\ntimeout = \"1h\""); err != nil {
		t.Error(err)
	}
	for _, text := range []string{
		"no_such_table = {}", "[rota]\nno_such_key = 1", "[tasks.a]\ncommand = \"x\"\nretry = { no_such_key = 1 }", "[defaults]\ncommand = \"x\"",
		"[web.tokens.ci]", "[tasks.a]\nhttp = {}", "[tasks.a]\nclean = { path = \"/srv\" }", "[notify.me]\nwebhook = {}",
		"[tasks.\"a b\"]\ncommand = \"x\"", "[tasks.a]\nenv = { \"A-B\" = \"x\" }\ncommand = \"x\"", "[tasks.a]\nparams = { A = \"x\" }\ncommand = \"x\"",
	} {
		if judge(t, s, text) == nil {
			t.Errorf("taken is:\n%s", text)
		}
	}
}

// A mistake is reported once.
func TestSchemaTellsOnce(t *testing.T) {
	err := judge(t, compiled(t), "[tasks.a]\ncommand = 1\n")
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "/tasks/a/command") {
		t.Error(err)
	}
}
