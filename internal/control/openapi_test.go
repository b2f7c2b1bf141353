package control

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
)

var update = flag.Bool("update", false, "write docs/openapi.json anew")

// types are what an endpoint is asked and answers.
func (e *Endpoint[In, Out]) types() (in, out reflect.Type) {
	return reflect.TypeFor[In](), reflect.TypeFor[Out]()
}

type typed interface {
	types() (in, out reflect.Type)
}

// object is a part of the document.
type object = map[string]any

// schemas are the types that the document describes, by their names.
type schemas object

// of returns the schema of a type, and adds to s what it refers to.
func (s schemas) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "string", "description": `such as "90s", "15m", "2h" or "1d"`}
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
	default:
		return object{}
	}
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if _, known := s[name]; !known {
		s[name] = nil // it may refer to itself
		properties := object{}
		s.fields(t, properties)
		s[name] = object{"type": "object", "properties": properties}
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// fields adds the fields of a struct, and those of what is embedded in it.
func (s schemas) fields(t reflect.Type, properties object) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.fields(f.Type, properties)
		case f.IsExported() && name != "-" && name != "":
			properties[name] = s.of(f.Type)
		}
	}
}

// operation describes a route at one of its paths.
func (s schemas) operation(method, path, summary string, in, out reflect.Type) object {
	op := object{"summary": summary}
	var parameters []object
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
		parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, f := range addressFields(in) {
		if f.query != "" {
			parameters = append(parameters, object{"name": f.query, "in": "query", "schema": s.of(in.Field(f.index).Type)})
		}
	}
	if parameters != nil {
		op["parameters"] = parameters
	}
	body := func(schema object) object { return object{"application/json": object{"schema": schema}} }
	switch {
	case in == reflect.TypeFor[runRequest]():
		content := body(s.of(reflect.TypeFor[api.Request]()))
		content["multipart/form-data"] = object{"schema": object{"type": "object", "properties": object{
			"request": s.of(reflect.TypeFor[api.Request]()), "input": object{"type": "string", "format": "binary"},
		}}}
		op["requestBody"] = object{"content": content}
	case method == "POST" && len(addressFields(in)) == 0 && in.NumField() > 0:
		op["requestBody"] = object{"content": body(s.of(in))}
	}
	answer := object{"description": "done"}
	switch out {
	case reflect.TypeFor[io.ReadCloser]():
		answer["content"] = object{"*/*": object{"schema": object{"type": "string", "format": "binary"}}}
	case reflect.TypeFor[<-chan api.Message]():
		answer["content"] = object{"text/event-stream": object{}, ndjson: object{"schema": s.of(reflect.TypeFor[api.Message]())}}
	default:
		answer["content"] = body(s.of(out))
	}
	refused := object{"description": "refused", "content": body(object{"type": "object", "properties": object{"error": s.of(reflect.TypeFor[api.Error]())}})}
	op["responses"] = object{"200": answer, "default": refused}
	return op
}

// The page on the API has each route once, and the document for programs is made of the
// routes and of what the page says of them.
func TestDocumentedAPI(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `((?:GET|POST) /\\S+)` \\| (.+) \\|$").FindAllStringSubmatch(string(page), -1) {
		if said[m[1]] != "" {
			t.Errorf("docs/api.md has %s twice", m[1])
		}
		said[m[1]] = m[2]
	}
	s, paths := schemas{}, object{}
	for _, e := range routes {
		method, template := e.address()
		in, out := e.(typed).types()
		for i, path := range runPaths(template) {
			row := method + " " + path
			if i == 0 && said[row] == "" {
				t.Errorf("docs/api.md does not have %s", row)
			}
			summary := said[method+" "+runPaths(template)[0]]
			if i > 0 {
				summary += ", of the newest run of a task"
			}
			at, _ := paths[path].(object)
			if at == nil {
				at = object{}
				paths[path] = at
			}
			at[strings.ToLower(method)] = s.operation(method, path, summary, in, out)
			for _, f := range addressFields(in) {
				if f.query != "" && !strings.Contains(said[method+" "+runPaths(template)[0]], "`"+f.query+"`") {
					t.Errorf("docs/api.md does not name %s of %s", f.query, row)
				}
			}
		}
		delete(said, method+" "+runPaths(template)[0])
	}
	for _, row := range slices.Sorted(maps.Keys(said)) {
		t.Errorf("docs/api.md has %s, which there is not", row)
	}
	doc := object{
		"openapi": "3.1.0", "info": object{"title": "rota", "version": "1"},
		"paths": paths, "components": object{"schemas": object(s)},
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(doc); err != nil {
		t.Fatal(err)
	}
	const file = "../../docs/openapi.json"
	if *update {
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, text.Bytes()) {
		t.Errorf("docs/openapi.json is not that of the routes (%v): go test ./internal/control -run TestDocumentedAPI -update", err)
	}
}
