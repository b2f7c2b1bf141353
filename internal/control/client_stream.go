package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// Request streams the input: it need not fit into memory.
func (c *Client) Request(ctx context.Context, r api.Request, input io.Reader) (runner.Run, error) {
	if err := r.Check(); err != nil {
		return runner.Run{}, err
	}
	path := "/v1/tasks/" + r.Task + "/runs"
	if input == nil {
		return post[runner.Run](ctx, c, path, nil, r)
	}
	from, to := io.Pipe()
	defer from.Close()
	form := multipart.NewWriter(to)
	go func() { to.CloseWithError(writeForm(form, r, input)) }()
	var run runner.Run
	err := c.whole(ctx, http.MethodPost, path, nil, form.FormDataContentType(), from, &run)
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

// readable says of an error that it is the input's.
type readable struct{ io.Reader }

func (r readable) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = api.Errorf(api.Failed, "", "cannot read the input: %v", err)
	}
	return n, err
}

func (c *Client) Log(ctx context.Context, id string, follow bool) (io.ReadCloser, error) {
	q := url.Values{}
	if follow {
		q.Set("follow", "1")
	}
	return c.stream(ctx, id, "/log", q)
}

func (c *Client) Result(ctx context.Context, id string) (io.ReadCloser, error) {
	return c.stream(ctx, id, "/result", nil)
}

func (c *Client) stream(ctx context.Context, id, what string, q url.Values) (io.ReadCloser, error) {
	path, err := runPath(id, what)
	if err != nil {
		return nil, err
	}
	answer, err := c.send(ctx, http.MethodGet, path, q, "", nil, nil)
	if err != nil {
		return nil, err
	}
	return &stream{answer, c, ctx}, nil
}

// stream says clearly when it broke off.
type stream struct {
	io.ReadCloser
	c   *Client
	ctx context.Context
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		err = s.c.broken(s.ctx, err)
	}
	return n, err
}

// maxMessage bounds a message; it is a run with the tail of its output, or a
// line of it.
const maxMessage = 4 << 20

// Watch closes the channel also when nothing has been heard from the daemon for
// three times as long as it lets pass between two signs of life.
func (c *Client) Watch(ctx context.Context) (<-chan api.Message, error) {
	ctx, cancel := context.WithCancel(ctx)
	answer, err := c.send(ctx, http.MethodGet, "/v1/events", nil, "", nil, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	out := make(chan api.Message)
	silent := time.AfterFunc(3*keepAlive, cancel)
	go func() {
		defer close(out)
		defer answer.Close()
		defer cancel()
		defer silent.Stop()
		lines := bufio.NewScanner(answer)
		lines.Buffer(nil, maxMessage)
		for lines.Scan() {
			silent.Reset(3 * keepAlive)
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			var m api.Message
			if json.Unmarshal(lines.Bytes(), &m) != nil {
				return
			}
			silent.Stop() // while it is the reader who takes time
			select {
			case out <- m:
			case <-ctx.Done():
				return
			}
			silent.Reset(3 * keepAlive)
		}
	}()
	return out, nil
}
