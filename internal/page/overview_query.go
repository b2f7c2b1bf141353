package page

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"rota/internal/api"
)

// filters are those of the overview, in the order of the chips.
var filters = []struct{ name, text, class string }{
	{"running", "running", "run"}, {"failed", "failed", "bad"}, {"late", "late", "late"}, {"held", "held", "held"}, {"missed", "missed", "late"}, {"", "all", "all"},
}

// orders of the tasks.
var orders = []struct{ name, text string }{{"", "attention"}, {"next", "next"}, {"name", "name"}}

// overviewQuery selects what the overview shows.
type overviewQuery struct {
	state, search, order string
	page                 int
}

func overviewQueryOf(q url.Values) overviewQuery {
	w := overviewQuery{state: q.Get("state"), search: strings.TrimSpace(q.Get("q")), order: q.Get("order")}
	w.page, _ = strconv.Atoi(q.Get("page"))
	w.page = min(max(w.page, 1), 1_000_000)
	return w
}

// query is the overviewQuery as the query of an address.
func (w overviewQuery) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"state": w.state, "q": w.search, "order": w.order} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if w.page > 1 {
		q.Set("page", strconv.Itoa(w.page))
	}
	return q
}

func (v *visit) overviewURL(w overviewQuery) string {
	u := v.url()
	if q := w.query(); len(q) > 0 {
		u += "?" + q.Encode()
	}
	return u
}

// matchesFilter reports whether a task matches a filter.
func (v *visit) matchesFilter(t api.Task, filter string, missed map[string]bool) bool {
	switch filter {
	case "running":
		return len(t.Running) > 0
	case "failed":
		return failed(t)
	case "late":
		return v.late(t)
	case "held":
		return t.Hold != nil
	case "missed":
		return missed[t.Task]
	}
	return true
}

// matchesSearch reports whether a task contains the text of the search.
func matchesSearch(t api.Task, search string) bool {
	if search == "" {
		return true
	}
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(search)) }
	return has(t.Task) || has(t.Description) || has(t.Does) || slices.ContainsFunc(t.Tags, has)
}
