package runner

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"rota/internal/escape"
)

// redirectsMax is how many redirects one request follows.
const redirectsMax = 10

// statusRange is a range of status codes, both ends included.
type statusRange struct{ from, to int }

// expected are the status codes that are ok.
type expected []statusRange

// parseExpect reads codes such as "404" and ranges such as "200-299".
func parseExpect(list []string) (expected, error) {
	if len(list) == 0 {
		return expected{{200, 299}}, nil
	}
	var e expected
	for _, text := range list {
		first, last, isRange := strings.Cut(text, "-")
		if !isRange {
			last = first
		}
		from, ok1 := parseStatus(first)
		to, ok2 := parseStatus(last)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("%q is not a status from 100 to 599", text)
		}
		if from > to {
			return nil, fmt.Errorf("%q begins after its end", text)
		}
		e = append(e, statusRange{from, to})
	}
	return e, nil
}

func parseStatus(text string) (int, bool) {
	if len(text) != 3 {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil && n >= 100 && n <= 599
}

func (e expected) has(status int) bool {
	return slices.ContainsFunc(e, func(s statusRange) bool { return s.from <= status && status <= s.to })
}

func (e expected) String() string {
	var list []string
	for _, s := range e {
		text := strconv.Itoa(s.from)
		if s.to != s.from {
			text += "-" + strconv.Itoa(s.to)
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// redirectError is why a redirect is not followed.
type redirectError string

func (e redirectError) Error() string { return string(e) }

// checkRedirect decides whether a redirect is followed, for [http.Client].
func (e expected) checkRedirect(next *http.Request, via []*http.Request) error {
	if e.has(next.Response.StatusCode) {
		return http.ErrUseLastResponse
	}
	if len(via) > redirectsMax {
		return redirectError(fmt.Sprintf("more than %d redirects", redirectsMax))
	}
	if via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return redirectError("a redirect from https to " + next.URL.Scheme + " is refused")
	}
	// net/http holds back only the headers that it knows to be secret, only
	// from another host name, and neither the body nor what Referer tells of
	// the query.
	home := via[0].URL.Host
	foreign := func(r *http.Request) bool { return !strings.EqualFold(r.URL.Host, home) }
	if !foreign(next) && !slices.ContainsFunc(via, foreign) {
		return nil
	}
	if next.Body != nil && next.Body != http.NoBody {
		next.Body.Close()
		return redirectError(fmt.Sprintf("status %d redirects to another host, %s, where the body is not sent; give its url to the task",
			next.Response.StatusCode, escape.Name(next.URL.Host)))
	}
	next.Header = http.Header{"User-Agent": {"rota"}}
	return nil
}

// finder is a writer that looks for want in what is written to it.
type finder struct {
	want  string
	found bool
	tail  []byte // the last bytes, fewer than want has
}

func (f *finder) Write(p []byte) (int, error) {
	if !f.found {
		f.tail = append(f.tail, p...)
		f.found = bytes.Contains(f.tail, []byte(f.want))
		if keep := len(f.want) - 1; len(f.tail) > keep {
			f.tail = append(f.tail[:0], f.tail[len(f.tail)-keep:]...)
		}
	}
	return len(p), nil
}
