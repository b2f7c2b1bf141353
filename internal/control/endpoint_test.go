package control_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
)

// arguments returns arguments for a method of a Service, about the task mail.
func arguments(ctx context.Context, method reflect.Type) (args []reflect.Value) {
	for i := range method.NumIn() {
		switch in := method.In(i); {
		case in == reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(ctx))
		case in.Kind() == reflect.String:
			args = append(args, reflect.ValueOf("mail"))
		case in == reflect.TypeFor[api.Request]():
			args = append(args, reflect.ValueOf(api.Request{Task: "mail"}))
		case method.IsVariadic() && i == method.NumIn()-1:
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	return args
}

// TestEveryCallHasAnEndpoint: what a Service can do, a client can ask for.
func TestEveryCallHasAnEndpoint(t *testing.T) {
	h := open(t)
	request(t, h.fake, "mail", "a", false)
	c := client(t, control.Target{Socket: h.socket})
	for method := range reflect.TypeFor[api.Service]().Methods() {
		ctx, end := context.WithCancel(t.Context())
		call := reflect.ValueOf(c).MethodByName(method.Name)
		results := call.Call(arguments(ctx, call.Type()))
		err, _ := results[len(results)-1].Interface().(error)
		end()
		if code := api.CodeOf(err); code == api.NoDaemon || err != nil && strings.Contains(err.Error(), "there is nothing at") {
			t.Errorf("%s: %v", method.Name, err)
		}
	}
}

// alias is an address for others than the client.
const alias = "GET /v1/tasks/{task}"

// TestRightsOfEveryEndpoint: TestRights goes through every endpoint.
func TestRightsOfEveryEndpoint(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]bool{alias: true}
	mux := http.NewServeMux()
	for _, patterns := range control.Patterns() {
		for _, pattern := range patterns {
			mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				asked[pattern] = true
			})
		}
	}
	server := httptest.NewServer(mux)
	c := client(t, control.Target{URL: server.URL})
	for _, call := range calls {
		ctx, end := context.WithCancel(t.Context())
		_ = call.call(ctx, c)
		end()
	}
	server.CloseClientConnections()
	server.Close()
	for _, patterns := range control.Patterns() {
		if !slices.ContainsFunc(patterns, func(pattern string) bool { return asked[pattern] }) {
			t.Errorf("no call in guard_test.go asks for %q", patterns)
		}
	}
}

// unlimited are the queries that cost little, or whose answer is a stream.
var unlimited = []string{"Status", "Log", "Result"}

// busy is a Service whose answer to Run takes until the context ends.
type busy struct{ *controltest.Fake }

func (busy) Run(ctx context.Context, id string) (api.RunDetails, error) {
	<-ctx.Done()
	return api.RunDetails{}, ctx.Err()
}

// TestEveryQueryIsLimited: no call of a Reader but the unlimited is answered while all
// slots are taken.
func TestEveryQueryIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := control.Limited(busy{controltest.NewFake("mail")})
		ctx, end := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer end()
		for range control.Slots(s) {
			go s.Run(ctx, "mail")
		}
		synctest.Wait()
		for method := range reflect.TypeFor[api.Reader]().Methods() {
			var answered atomic.Bool
			call := reflect.ValueOf(s).MethodByName(method.Name)
			go func() {
				call.Call(arguments(ctx, call.Type()))
				answered.Store(true)
			}()
			synctest.Wait()
			if got, want := answered.Load(), slices.Contains(unlimited, method.Name); got != want {
				t.Errorf("%s was answered beside others that take all slots: %v, want %v", method.Name, got, want)
			}
		}
	})
}
