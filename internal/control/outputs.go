package control

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"rota/internal/api"
)

// logQuery is [api.LogQuery] in an address.
type logQuery struct {
	Run     string `path:"run"`
	Follow  bool   `query:"follow"`
	Attempt string `query:"attempt"` // a number, or all
}

// query returns the query in the form of the API.
func (q logQuery) query() (api.LogQuery, error) {
	n, err := api.Attempt(q.Attempt)
	return api.LogQuery{Run: q.Run, Follow: q.Follow, Attempt: n}, err
}

var getLog = endpoint(Endpoint[logQuery, io.ReadCloser]{
	Method: "GET", Path: "/v1/{run}/log",
	Call: func(ctx context.Context, s api.Service, q logQuery) (io.ReadCloser, error) {
		ask, err := q.query()
		if err != nil {
			return nil, err
		}
		return s.Log(ctx, ask)
	},
	Send: func(c call, log io.ReadCloser) error { return c.sendStream(log, "text/plain; charset=utf-8") },
})

func (c *Client) Log(ctx context.Context, q api.LogQuery) (io.ReadCloser, error) {
	attempt := ""
	switch {
	case q.Attempt == api.AllAttempts:
		attempt = "all"
	case q.Attempt > 0:
		attempt = strconv.Itoa(q.Attempt)
	}
	return stream(ctx, c, getLog, logQuery{q.Run, q.Follow, attempt})
}

func (g *guard) Log(ctx context.Context, q api.LogQuery) (io.ReadCloser, error) {
	id, err := g.mayRun(ctx, api.MayRead, "see", q.Run)
	q.Run = id
	return guarded(g, err, func() (io.ReadCloser, error) { return g.s.Log(g.as(ctx), q) })
}

var getResult = endpoint(Endpoint[runRef, io.ReadCloser]{
	Method: "GET", Path: "/v1/{run}/result",
	Call: func(ctx context.Context, s api.Service, in runRef) (io.ReadCloser, error) {
		return s.Result(ctx, in.Run)
	},
	Send: func(c call, result io.ReadCloser) error { return c.sendStream(result, "application/octet-stream") },
})

func (c *Client) Result(ctx context.Context, id string) (io.ReadCloser, error) {
	return stream(ctx, c, getResult, runRef{id})
}

func (g *guard) Result(ctx context.Context, id string) (io.ReadCloser, error) {
	id, err := g.mayRun(ctx, api.MayRead, "see", id)
	return guarded(g, err, func() (io.ReadCloser, error) { return g.s.Result(g.as(ctx), id) })
}

// sendStream sends a stream as it is read. There is no time limit, as the client may be
// a pager. If the stream cannot be read to its end, the connection is aborted, so that
// the client notices that the answer is not complete.
func (c call) sendStream(from io.ReadCloser, kind string) error {
	defer from.Close()
	c.w.Header().Set("Content-Type", kind)
	flush := http.NewResponseController(c.w)
	flush.SetWriteDeadline(time.Time{})
	c.w.WriteHeader(http.StatusOK)
	flush.Flush()
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if c.r.Context().Err() != nil { // the client disconnected, or the caller lost a right
			panic(http.ErrAbortHandler)
		}
		if n > 0 {
			if _, err := c.w.Write(piece[:n]); err != nil {
				return nil
			}
			flush.Flush()
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			panic(http.ErrAbortHandler)
		}
	}
}

// stream calls an endpoint whose answer is a stream.
func stream[In any](ctx context.Context, c *Client, e *Endpoint[In, io.ReadCloser], in In) (io.ReadCloser, error) {
	answer, err := open(ctx, c, e, in)
	if err != nil {
		return nil, err
	}
	return &reader{answer, c, ctx}, nil
}

// reader returns a clear error if the stream is cut off.
type reader struct {
	io.ReadCloser
	c   *Client
	ctx context.Context
}

func (r *reader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		err = r.c.truncated(r.ctx, err)
	}
	return n, err
}
