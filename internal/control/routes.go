package control

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"rota/internal/api"
)

// call is a request, and the Service as far as it is open to who sent it.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	s       *guard
	streams *streams
}

// handler does what a call asks and returns what to answer; nil if it has
// answered by itself. Who may do what, the Service says.
type handler func(c call) (any, error)

// routes is all that can be asked. A run is TASK/KEY under /v1/runs/, and the
// newest of a task TASK under /v1/tasks/.
var routes = []struct {
	method, path string
	handler      handler
}{
	{"GET", "/v1/status", getStatus},
	{"GET", "/v1/tasks", getTasks},           // ?task=…
	{"GET", "/v1/tasks/{task}", getTask},     //
	{"GET", "/v1/next", getNext},             // ?task=…&n=&until=
	{"GET", "/v1/runs", getRuns},             // ?task=&state=…&outcome=…&since=&n=
	{"GET", "/v1/runs/{task}/{key}", getRun}, //
	{"GET", "/v1/tasks/{task}/run", getRun},
	{"GET", "/v1/runs/{task}/{key}/log", getLog}, // ?follow=1
	{"GET", "/v1/tasks/{task}/log", getLog},
	{"GET", "/v1/runs/{task}/{key}/result", getResult},
	{"GET", "/v1/tasks/{task}/result", getResult},
	{"GET", "/v1/runs/{task}/{key}/wait", wait},
	{"GET", "/v1/tasks/{task}/wait", wait},
	{"GET", "/v1/why", getWhy},       // ?task=&at=
	{"GET", "/v1/queues", getQueues}, // ?queue=…
	{"GET", "/v1/events", getEvents},

	{"POST", "/v1/tasks/{task}/runs", postRun}, // Request, or a form of request and input
	{"POST", "/v1/runs/{task}/{key}/cancel", cancel},
	{"POST", "/v1/tasks/{task}/cancel", cancel},
	{"POST", "/v1/runs/{task}/{key}/stop", stop}, // ?kill=1
	{"POST", "/v1/tasks/{task}/stop", stop},
	{"POST", "/v1/cancel", cancelAll}, // {task} or {all}
	{"POST", "/v1/hold", hold},        // Holding
	{"POST", "/v1/release", release},  // {names} or {all}
	{"POST", "/v1/reschedule", reschedule},
	{"POST", "/v1/skip", skip},                // {task}
	{"POST", "/v1/queues/start", startQueues}, // {queues}
	{"POST", "/v1/queues/stop", stopQueues},
	{"POST", "/v1/forget", forget}, // Forgetting
	{"POST", "/v1/reload", reload}, // ?plan=1
	{"POST", "/v1/drain", drain},   // {for}
	{"POST", "/v1/notify", notify}, // {target}
}

// mux returns what finds the route of a request.
func (s *Server) mux() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, route := range routes {
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) { s.route(route.handler, w, r) })
		methods[route.path] = append(methods[route.path], route.method)
	}
	for path, can := range methods {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.Join(can, ", "))
			answer(w, http.StatusMethodNotAllowed, refusal{Error: api.Errorf(api.Usage, "use "+strings.Join(can, " or "), "%q cannot be asked by %s", short(r.URL.Path), r.Method)})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, api.Errorf(api.NotFound, "", "there is nothing at %q", short(r.URL.Path)))
	})
	return mux
}

// serviceKey is the key of the Service that is open to who sent a request.
type serviceKey struct{}

// route answers a request with what its handler returns.
func (s *Server) route(h handler, w http.ResponseWriter, r *http.Request) {
	service := r.Context().Value(serviceKey{}).(*guard)
	v, err := h(call{w, r, service, &s.streams})
	if errors.Is(err, context.Canceled) {
		err = cmp.Or(context.Cause(r.Context()), err) // the server ends
	}
	switch no, partly := v.(refusal); {
	case err != nil && partly:
		no.Error = wire(err)
		refuse(w, no)
	case err != nil:
		fail(w, err)
	case v != nil:
		text, status := s.inTurn(v)
		send(w, status, text) // whoever is slow to take it in keeps nobody waiting
	}
}

// inTurn returns a value as it is sent, also when the server ends: it is there.
func (s *Server) inTurn(v any) ([]byte, int) {
	s.service.turns <- struct{}{}
	defer func() { <-s.service.turns }()
	return inJSON(v, http.StatusOK)
}
