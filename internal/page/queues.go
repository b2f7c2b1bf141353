package page

import (
	"rota/internal/api"
)

// queuesPage shows all queues.
type queuesPage struct {
	Head head
	Rows []queueRow
}

type queueRow struct {
	Queue, Description         string
	State                      word
	Workers, Capacity, Waiting int
	Running                    []string
	Hold                       string
	CanStart, CanStop          bool
}

func (v *visit) queues() error {
	p, err := v.queuesPage()
	if err != nil {
		return err
	}
	p.Head.live(v, "queues", nil)
	return v.show(200, "queues", p)
}

func (v *visit) queuesPage() (p queuesPage, err error) {
	all, err := v.Service.Queues(v.r.Context())
	if err != nil {
		return p, err
	}
	for _, q := range all.Queues {
		row := queueRow{Queue: q.Queue, Description: q.Description, State: wordFor(q.State), Workers: q.Workers, Capacity: q.Capacity, Waiting: q.Waiting, Running: q.Running, Hold: v.holdText(q.Hold, "")}
		row.CanStop, row.CanStart = q.State == "started" && v.mayAll(api.MayControl), q.State != "started" && v.mayAll(api.MayControl)
		p.Rows = append(p.Rows, row)
	}
	p.Head, err = v.head("queues", "Queues")
	return p, err
}
