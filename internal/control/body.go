package control

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"rota/internal/api"
)

// body decodes the JSON body of the request; an empty body is {}.
func (c call) body(v any) error {
	timer := http.NewResponseController(c.w)
	timer.SetReadDeadline(time.Now().Add(bodyTimeout))
	// After the body comes the next request, with its own deadline.
	defer timer.SetReadDeadline(time.Time{})
	return decode(http.MaxBytesReader(c.w, c.r.Body, maxBody), v)
}

// decode reads one JSON object. Unknown names are errors.
func decode(in io.Reader, v any) error {
	d := json.NewDecoder(in)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.Join(more, errors.New("there is more than one"))
		}
	}
	var large *http.MaxBytesError
	switch {
	case err == nil || err == io.EOF:
		return nil
	case errors.As(err, &large):
		return api.Errorf(api.Usage, "pass large values as input", "the request is larger than %d KiB", maxBody>>10)
	}
	return api.Errorf(api.Usage, "", "the request is not valid: %v", err)
}
