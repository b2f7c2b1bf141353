package control

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"rota/internal/api"
)

// postRun asks for a run. The body is a Request in JSON or, with input, a form
// of two parts: "request", which may be left out, and then "input", which is
// passed on as it comes:
//
//	curl -F 'request={"params":{"day":"mon"}}' -F input=@big.csv …/v1/tasks/load/runs
func postRun(c call) (any, error) {
	task, err := c.id()
	if err != nil {
		return nil, err
	}
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		var ask api.Request
		if err := c.body(&ask); err != nil {
			return nil, err
		}
		return c.request(task, ask, nil)
	}
	if err != nil {
		return nil, api.Errorf(api.Usage, "", "Content-Type: %v", err)
	}
	timer := http.NewResponseController(c.w)
	timer.SetReadDeadline(time.Now().Add(bodyTime))
	defer timer.SetReadDeadline(time.Time{})
	ask, input, err := readForm(multipart.NewReader(c.r.Body, params["boundary"]))
	if err != nil {
		return nil, err
	}
	if input != nil {
		input = patient{input, timer}
	}
	return c.request(task, ask, input)
}

// request asks for a run of the task that the address says.
func (c call) request(task string, ask api.Request, input io.Reader) (any, error) {
	if ask.Task != "" && ask.Task != task {
		return nil, api.Errorf(api.Usage, "", "the address says %q and the request %q", task, short(ask.Task))
	}
	ask.Task = task
	if err := ask.Check(); err != nil {
		return nil, err
	}
	return c.s.Request(c.r.Context(), ask, input)
}

// readForm reads a form as far as its input, which is nil if there is none.
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
			return ask, nil, api.Errorf(api.Usage, `the parts are "request", which may be left out, and then "input"`, "the form: part %d is %q", n+1, short(part.FormName()))
		}
	}
}

// patient reads input that may come slowly, but does come.
type patient struct {
	io.Reader
	timer *http.ResponseController
}

func (p patient) Read(b []byte) (int, error) {
	p.timer.SetReadDeadline(time.Now().Add(inputTime))
	return p.Reader.Read(b)
}
