package control

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// The parameters of a request are in the address, as fields with a tag:
//
//	Run   string    `path:"run"`   // TASK/KEY, or TASK for its newest run
//	Task  string    `path:"task"`
//	N     int       `query:"n"`    // also string, []string, bool and time.Time
//
// The client writes and the server reads them by the same tags.

// runPaths returns the paths of a template: {run} stands for a run, TASK/KEY, or for the
// newest run of a task, TASK.
func runPaths(template string) []string {
	if !strings.Contains(template, "{run}") {
		return []string{template}
	}
	return []string{runPath(template, "{task}", "{key}"), runPath(template, "{task}", "")}
}

// runPath puts a run into a template; with key "" the newest run of the task.
func runPath(template, task, key string) string {
	run := "runs/" + task + "/" + key
	if key == "" {
		run = "tasks/" + task
		if strings.HasSuffix(template, "{run}") { // without it, the path would be that of the task
			run += "/run"
		}
	}
	return strings.Replace(template, "{run}", run, 1)
}

// inAddress reports whether the parameters of a request are in the address, not in a body.
func inAddress[In any](method string) bool {
	return method == http.MethodGet || len(addressFields(reflect.TypeFor[In]())) > 0 || reflect.TypeFor[In]().NumField() == 0
}

// addressField is a field of a request that is in the address.
type addressField struct {
	index       int
	path, query string // one of them is set
}

func addressFields(t reflect.Type) (fields []addressField) {
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		f := addressField{index: i, path: tag.Get("path"), query: tag.Get("query")}
		if f.path != "" || f.query != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

// readAddress reads the address of a request into the struct that in points to.
func readAddress(r *http.Request, in any) error {
	v := reflect.ValueOf(in).Elem()
	fields := addressFields(v.Type())
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return api.Errorf(api.Usage, "", "the address: %v", err)
	}
	for _, f := range fields {
		if f.path != "" {
			id, err := pathRun(r)
			if err != nil {
				return err
			}
			v.Field(f.index).SetString(id)
		}
	}
	for name := range values {
		if !slices.ContainsFunc(fields, func(f addressField) bool { return f.query == name }) {
			return api.Errorf(api.Usage, "", "unknown parameter %q", shorten(name))
		}
	}
	for _, f := range fields {
		if texts := values[f.query]; f.query != "" && len(texts) > 0 {
			if err := readParameter(v.Field(f.index), f.query, texts); err != nil {
				return err
			}
		}
	}
	return nil
}

// pathRun returns the id of the run, or the name of the task, in the path of a request.
func pathRun(r *http.Request) (string, error) {
	task, key := r.PathValue("task"), r.PathValue("key")
	switch {
	case !api.IsTask(task):
		return "", api.Errorf(api.NotFound, "", "no task %q", shorten(task))
	case key == "":
		return task, nil
	case !api.IsRunKey(key):
		return "", api.Errorf(api.NotFound, "", "no run %q", shorten(task+"/"+key))
	}
	return task + "/" + key, nil
}

// readParameter reads the values of a parameter. An empty value counts as not given.
func readParameter(to reflect.Value, name string, texts []string) error {
	wrong := func(how string) error { return api.Errorf(api.Usage, "", "%s %s", name, how) }
	if to.Kind() == reflect.Slice {
		to.Set(reflect.MakeSlice(to.Type(), len(texts), len(texts)))
		for i, text := range texts {
			to.Index(i).SetString(text)
		}
		return nil
	}
	text := texts[0]
	switch {
	case len(texts) > 1:
		return wrong("is given twice")
	case text == "":
		return nil
	}
	switch to := to.Addr().Interface().(type) {
	case *string:
		*to = text
	case *bool:
		if text != "0" && text != "1" {
			return wrong("is neither 0 nor 1")
		}
		*to = text == "1"
	case *int:
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return wrong("is not a number")
		}
		*to = int(n)
	case *time.Time:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return wrong("is not like 2026-11-22T02:30:00Z")
		}
		*to = t
		return api.CheckTime(name, t)
	}
	return nil
}

// atMost returns an error if a parameter is larger than most.
func atMost(name string, n, most int) error {
	if n > most {
		return api.Errorf(api.Usage, "", "%s is more than %d", name, most)
	}
	return nil
}

// writeAddress returns the address for the fields of the struct that in points to. It
// returns an error for a name that no task or run can have.
func writeAddress(template string, in any) (path string, q url.Values, err error) {
	v := reflect.ValueOf(in).Elem()
	path, q = template, url.Values{}
	for _, f := range addressFields(v.Type()) {
		value := v.Field(f.index)
		if f.path != "" {
			if path, err = writePath(template, value.String()); err != nil {
				return "", nil, err
			}
			continue
		}
		switch given := value.Interface().(type) {
		case string:
			if given != "" {
				q.Set(f.query, given)
			}
		case bool:
			if given {
				q.Set(f.query, "1")
			}
		case int:
			if given != 0 {
				q.Set(f.query, strconv.Itoa(given))
			}
		case time.Time:
			if !given.IsZero() {
				q.Set(f.query, given.Format(time.RFC3339Nano))
			}
		default:
			for i := range value.Len() {
				q.Add(f.query, value.Index(i).String())
			}
		}
	}
	return path, q, nil
}

func writePath(template, id string) (string, error) {
	task, key := runner.SplitID(id)
	switch {
	case key == "" && !api.IsTask(id):
		return "", api.Errorf(api.NotFound, "", "no task %q", shorten(id))
	case key != "" && (!api.IsTask(task) || !api.IsRunKey(key)):
		return "", api.Errorf(api.NotFound, "", "no run %q", shorten(id))
	case strings.Contains(template, "{task}"):
		return strings.Replace(template, "{task}", id, 1), nil
	}
	return runPath(template, task, key), nil
}
