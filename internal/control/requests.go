package control

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// runRequest is an [api.Request] with its input; nil: none.
type runRequest struct {
	api.Request
	input io.Reader
}

// postRun requests a run. The body is an [api.Request] in JSON or, with input, a form
// of two parts: "request", which may be missing, and then "input", which is streamed:
//
//	curl -F 'request={"params":{"day":"mon"}}' -F input=@big.csv …/v1/tasks/load/runs
var postRun = endpoint(Endpoint[runRequest, api.Run]{
	Method: "POST", Path: "/v1/tasks/{task}/runs",
	Read: call.readRequest,
	Call: func(ctx context.Context, s api.Service, in runRequest) (api.Run, error) {
		return s.Request(ctx, in.Request, in.input)
	},
})

// readRequest reads a request up to its input.
func (c call) readRequest() (in runRequest, err error) {
	var at taskRef
	if err := readAddress(c.r, &at); err != nil {
		return in, err
	}
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	switch {
	case kind != "multipart/form-data":
		err = c.body(&in.Request)
	case err != nil:
		err = api.Errorf(api.Usage, "", "Content-Type: %v", err)
	default:
		timer := http.NewResponseController(c.w)
		timer.SetReadDeadline(time.Now().Add(bodyTimeout))
		in.Request, in.input, err = readForm(multipart.NewReader(c.r.Body, params["boundary"]))
		if in.input != nil {
			in.input = slowInput{in.input, timer}
		}
	}
	switch {
	case err != nil:
		return in, err
	case in.Task != "" && in.Task != at.Task:
		return in, api.Errorf(api.Usage, "", "the address says %q and the request %q", at.Task, shorten(in.Task))
	}
	in.Task = at.Task
	if trace := c.r.Header.Get("Traceparent"); in.Trace == "" && runner.IsTrace(trace) { // an invalid one is ignored, as the standard requires
		in.Trace = trace
	}
	return in, in.Check()
}

// readForm reads a form up to its input; input is nil if the form has none.
func readForm(form *multipart.Reader) (ask api.Request, input io.Reader, err error) {
	for n := 0; ; n++ {
		part, err := form.NextRawPart()
		switch {
		case err == io.EOF && n > 0:
			return ask, nil, nil
		case err != nil:
			return ask, nil, api.Errorf(api.Usage, "", "the form: %v", err)
		case part.FormName() == "request" && n == 0:
			if err := decode(http.MaxBytesReader(nil, part, maxBody), &ask); err != nil {
				return ask, nil, err
			}
		case part.FormName() == "input":
			return ask, part, nil
		default:
			return ask, nil, api.Errorf(api.Usage, `the parts are "request", which may be missing, and then "input"`, "the form: part %d is %q", n+1, shorten(part.FormName()))
		}
	}
}

// slowInput sets a new deadline for each read, so that input may be slow but not stop.
type slowInput struct {
	io.Reader
	timer *http.ResponseController
}

func (p slowInput) Read(b []byte) (int, error) {
	p.timer.SetReadDeadline(time.Now().Add(inputTimeout))
	return p.Reader.Read(b)
}

// Request streams the input, which need not fit into memory.
func (c *Client) Request(ctx context.Context, r api.Request, input io.Reader) (run api.Run, err error) {
	if err := r.Check(); err != nil {
		return api.Run{}, err
	}
	path, _, err := writeAddress(postRun.Path, &taskRef{r.Task})
	if err != nil {
		return run, err
	}
	if input == nil {
		text, err := json.Marshal(r)
		if err != nil {
			return run, api.Errorf(api.Usage, "", "%v", err)
		}
		err = c.roundTrip(ctx, postRun.Method, path, nil, "application/json", bytes.NewReader(text), &run)
		return run, err
	}
	from, to := io.Pipe()
	defer from.Close()
	form := multipart.NewWriter(to)
	go func() { to.CloseWithError(writeForm(form, r, input)) }()
	err = c.roundTrip(ctx, postRun.Method, path, nil, form.FormDataContentType(), from, &run)
	return run, err
}

func writeForm(form *multipart.Writer, r api.Request, input io.Reader) error {
	request, err := form.CreateFormField("request")
	if err == nil {
		err = json.NewEncoder(request).Encode(r)
	}
	if err != nil {
		return err
	}
	to, err := form.CreateFormField("input")
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, readable{input}); err != nil {
		return err
	}
	return form.Close()
}

// readable marks errors as errors of the input.
type readable struct{ io.Reader }

func (r readable) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = api.Errorf(api.Failed, "", "cannot read the input: %v", err)
	}
	return n, err
}

func (g *guard) Request(ctx context.Context, r api.Request, input io.Reader) (api.Run, error) {
	err := g.may(api.MayRequest, "run", r.Task)
	if err == nil && r.Force { // the right that a release of the hold would need
		err = g.may(api.MayOwn, "force runs of", r.Task)
	}
	return guarded(g, err, func() (api.Run, error) {
		run, err := g.s.Request(g.as(ctx), r, input)
		if err == nil && !g.seesRun(run) { // a run with the same id exists
			return api.Run{}, api.Errorf(api.Conflict, "choose another id", "%s is taken", run.ID)
		}
		return g.run(run), err
	})
}
