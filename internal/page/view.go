package page

import (
	"strings"

	"rota/internal/api"
	"rota/runner"
)

// region is an element of a page that changes while the page is open.
type region struct {
	ID       string
	Template string // "": remove the element or, with Keep, its children except these
	Data     any
	In       string   // the parent to add it to, if the page does not have it; "": the page always has
	After    string   // the child of the parent that it follows; "": it is the first
	Keep     []string // ids
}

// changes are what happened since the last push.
type changes struct {
	tasks  map[string]bool // that changed
	runs   map[string]bool
	missed map[string]bool // tasks with a missed slot
	rota   bool            // something happened to rota itself
	reload bool            // the tasks of the file have changed
	all    bool            // the stream begins: everything may have changed
}

// add adds the change of a message.
func (c *changes) add(m api.Message) {
	switch {
	case m.Run != nil:
		c.tasks[m.Run.Task], c.runs[m.Run.ID] = true, true
		if m.Run.Outcome == runner.Missed {
			c.missed[m.Run.Task] = true
		}
	case m.Event != nil && m.Event.Task != "":
		c.tasks[m.Event.Task] = true
		c.reload = c.reload || m.Event.Kind == "reload"
		c.rota = true
	case m.Event != nil:
		c.rota = true
	}
}

func (c *changes) clear() {
	clear(c.tasks)
	clear(c.runs)
	clear(c.missed)
	c.rota, c.reload, c.all = false, false, false
}

// view decides what is pushed to one page.
type view interface {
	// affectedBy reports whether the changes affect the page.
	affectedBy(c changes) bool
	// regions returns the regions that may have changed.
	regions(v *visit, c changes) ([]region, error)
}

// viewOf returns the view of a page.
func (v *visit) viewOf(page string) (view, error) {
	kind, name, _ := strings.Cut(page, "/")
	switch kind {
	case "overview":
		return v.overviewView()
	case "timeline":
		return &pageView{every: true, build: (*visit).timelineRegions}, nil
	case "queues":
		return &pageView{every: true, build: (*visit).queueRegions}, nil
	case "events":
		return &pageView{rota: true, every: true, build: func(v *visit) ([]region, error) {
			p, err := v.eventsPage()
			return []region{{ID: "events", Template: "event-table", Data: p.Rows}}, err
		}}, nil
	case "tasks":
		return &pageView{task: name, build: func(v *visit) ([]region, error) {
			p, err := v.taskPage(name)
			return []region{{ID: "facts", Template: "task-facts", Data: p.Facts}, {ID: "chart", Template: "chart", Data: p.Chart}, {ID: "counts", Template: "counts", Data: p}, {ID: "runs", Template: "run-table", Data: p.Runs}, {ID: "waiting", Template: "run-table", Data: p.Waiting}, {ID: "events", Template: "event-table", Data: p.Events}}, err
		}}, nil
	case "runs":
		return &pageView{run: name, build: func(v *visit) ([]region, error) {
			r, err := v.Service.Run(v.r.Context(), name)
			if err != nil {
				return nil, err
			}
			f, err := v.runFacts(r)
			return []region{{ID: "facts", Template: "run-facts", Data: f}}, err
		}}, nil
	}
	return nil, api.Errorf(api.NotFound, "", "no page at this address")
}

// pageView renders all regions of a page again when something on it has changed.
type pageView struct {
	task, run   string
	every, rota bool
	build       func(*visit) ([]region, error)
}

func (p *pageView) affectedBy(c changes) bool {
	return c.all || p.every && len(c.tasks) > 0 || p.rota && c.rota || p.task != "" && c.tasks[p.task] || p.run != "" && c.runs[p.run]
}

func (p *pageView) regions(v *visit, _ changes) ([]region, error) { return p.build(v) }

func (v *visit) queueRegions() (all []region, err error) {
	p, err := v.queuesPage()
	for _, row := range p.Rows {
		all = append(all, region{ID: domID("queue", row.Queue), Template: "queue-row", Data: row})
	}
	return all, err
}
