package page

import (
	"rota/internal/api"
)

// eventsPage shows the events of rota itself.
type eventsPage struct {
	Head head
	Rows []eventRow
}

type eventRow struct {
	At                    moment
	Kind, Task, Who, Text string
}

// maxEvents is how many events the page shows.
const maxEvents = 200

func (v *visit) events() error {
	p, err := v.eventsPage()
	if err != nil {
		return err
	}
	p.Head.live(v, "events", nil)
	return v.show(200, "events", p)
}

func (v *visit) eventsPage() (p eventsPage, err error) {
	events, err := v.Service.Events(v.r.Context(), api.EventQuery{N: maxEvents})
	if err != nil {
		return p, err
	}
	p.Rows = v.eventRows(events)
	p.Head, err = v.head("events", "Events")
	return p, err
}

func (v *visit) eventRows(events []api.Event) []eventRow {
	var rows []eventRow
	for _, e := range events {
		rows = append(rows, eventRow{v.at(e.Time, ""), e.Kind, e.Task, e.Who, e.Text})
	}
	return rows
}
