package api_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// secret lists the fields of a run that are never shown.
var secret = map[string]bool{"InputFile": true, "Content": true}

// TestRunOf: each field of a run is shown, or secret.
func TestRunOf(t *testing.T) {
	from := reflect.New(reflect.TypeFor[runner.Run]()).Elem()
	fields := slices.DeleteFunc(reflect.VisibleFields(from.Type()), func(f reflect.StructField) bool { return f.Anonymous })
	for i, field := range fields {
		switch f := from.FieldByIndex(field.Index); f.Interface().(type) {
		case time.Time:
			f.Set(reflect.ValueOf(time.Unix(int64(i), 0)))
		case *int:
			f.Set(reflect.ValueOf(new(i)))
		case runner.Reason:
			f.Set(reflect.ValueOf(runner.Reason{Code: "held"}))
		case map[string]string:
			f.Set(reflect.ValueOf(map[string]string{"name": "value"}))
		default:
			switch f.Kind() {
			case reflect.String:
				f.SetString(field.Name)
			case reflect.Bool:
				f.SetBool(true)
			default:
				f.SetInt(int64(i))
			}
		}
	}
	to := reflect.ValueOf(api.RunOf(from.Interface().(runner.Run)))
	for _, field := range fields {
		name := field.Name
		f, of := to.FieldByName(name), from.FieldByIndex(field.Index).Interface()
		if d, ok := of.(time.Duration); ok { // shown in seconds
			of = d.Seconds()
		}
		if why, ok := of.(runner.Reason); ok { // shown by its code; the rest is in the text
			of = why.Code
		}
		switch {
		case f.IsValid() == secret[name]:
			t.Errorf("%s is shown: %v; a new field belongs into api.Run or is secret", name, f.IsValid())
		case f.IsValid() && !reflect.DeepEqual(f.Interface(), of):
			t.Errorf("%s is %v, want %v", name, f, of)
		}
	}
}

// TestTook: the end of a run that was superseded while it waited says nothing of how long
// it took.
func TestTook(t *testing.T) {
	at := time.Unix(100, 0)
	for _, row := range []struct {
		name string
		run  api.Run
		took time.Duration
		ok   bool
	}{
		{"ended", api.Run{Outcome: runner.Failed, Started: at, Finished: at.Add(time.Minute)}, time.Minute, true},
		{"at once", api.Run{Outcome: runner.OK, Started: at, Finished: at}, 0, true},
		{"runs", api.Run{State: runner.Running, Started: at}, 0, false},
		{"never executed", api.Run{Outcome: runner.Cancelled, Finished: at}, 0, false},
		{"the clock was set back", api.Run{Outcome: runner.OK, Started: at, Finished: at.Add(-time.Minute)}, 0, false},
		{"superseded while it waited", api.Run{Outcome: runner.Failed, Reason: runner.ReasonSuperseded, Started: at, Finished: at.Add(time.Hour)}, 0, false},
	} {
		if took, ok := row.run.Took(); took != row.took || ok != row.ok {
			t.Errorf("%s: %v, %v", row.name, took, ok)
		}
	}
}
