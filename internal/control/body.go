package control

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"rota/internal/api"
)

// body reads the JSON that was sent; nothing is {}.
func (c call) body(v any) error {
	timer := http.NewResponseController(c.w)
	timer.SetReadDeadline(time.Now().Add(bodyTime))
	// What comes after the body is the next request, with a time of its own.
	defer timer.SetReadDeadline(time.Time{})
	return decode(http.MaxBytesReader(c.w, c.r.Body, maxBody), v)
}

// decode reads one JSON object, without names that it does not know.
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
		return api.Errorf(api.Usage, "give what is large as input", "the request is larger than %d KiB", maxBody>>10)
	}
	return api.Errorf(api.Usage, "", "the request is not the JSON that is wanted: %v", err)
}
