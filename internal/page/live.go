package page

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"hash/maphash"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

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

// view decides what is pushed to one page.
type view interface {
	// affectedBy reports whether the changes affect the page.
	affectedBy(c changes) bool
	// regions returns the regions that may have changed.
	regions(v *visit, c changes) ([]region, error)
}

// The least time between two pushes to a page, and how often the status is polled, about
// which there are no messages.
const (
	pushInterval   = 250 * time.Millisecond
	statusInterval = 10 * time.Second
	pushTimeout    = 10 * time.Second // for the browser to receive a push
)

// pushLoad keeps the cost of all pushes below a share of one processor: the more streams
// there are and the more a push costs, the longer each waits for its next.
type pushLoad struct {
	mu   sync.Mutex
	open int
}

// loadShare is the fraction of a processor that all pushes together may take: 1/loadShare.
const loadShare = 25

func (p *pushLoad) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open += n
}

// pause is how long to wait after a push that took so long.
func (p *pushLoad) pause(cost time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(pushInterval, min(time.Duration(p.open*loadShare)*cost, 10*time.Second))
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

// overviewView keeps the tasks in memory, and queries only those again that have changed.
type overviewView struct {
	w      overviewQuery
	tasks  map[string]api.Task
	shown  map[string]bool // the rows of the page
	missed map[string]bool
	since  time.Time // when the page was made
}

func (v *visit) overviewView() (view, error) {
	tasks, err := v.Service.Tasks(v.r.Context())
	if err != nil {
		return nil, err
	}
	missed, err := v.missedTasks()
	if err != nil {
		return nil, err
	}
	q := v.r.URL.Query()
	o := &overviewView{w: overviewQueryOf(q), tasks: map[string]api.Task{}, missed: missed, since: v.now.Add(-time.Hour)}
	if ms, err := strconv.ParseInt(q.Get("at"), 10, 64); err == nil {
		o.since = time.UnixMilli(ms).Add(-time.Second)
	}
	for _, t := range tasks {
		o.tasks[t.Task] = t
	}
	return o, nil
}

// affectedBy implements view. A task may become late without an event: that is checked with
// the status of rota.
func (o *overviewView) affectedBy(c changes) bool { return c.all || c.rota || len(c.tasks) > 0 }

// changedSince reports whether a task may have changed between the page and its stream.
func (o *overviewView) changedSince(t api.Task) bool {
	return len(t.Running) > 0 || t.Hold != nil && t.Hold.Since.After(o.since) || t.Last != nil && (t.Last.Started.After(o.since) || t.Last.Finished.After(o.since)) || t.State == string(runner.Queued)
}

// query queries the tasks that have changed.
func (o *overviewView) query(v *visit, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if len(names) > pageRows {
		names = nil // one query of all
	}
	tasks, err := v.Service.Tasks(v.r.Context(), names...)
	for _, t := range tasks {
		if _, known := o.tasks[t.Task]; known {
			o.tasks[t.Task] = t
		}
	}
	return err
}

func (o *overviewView) regions(v *visit, c changes) ([]region, error) {
	changed := map[string]bool{}
	for name := range c.tasks {
		if _, known := o.tasks[name]; known {
			changed[name] = true
		}
	}
	for name := range c.missed {
		o.missed[name] = true
	}
	if c.all {
		for name, t := range o.tasks {
			changed[name] = changed[name] || o.changedSince(t)
		}
	}
	if err := o.query(v, slices.Sorted(maps.Keys(changed))); err != nil {
		return nil, err
	}
	all := slices.Collect(maps.Values(o.tasks))
	regions := []region{{ID: "chips", Template: "chips", Data: v.chips(all, o.missed, o.w)}}
	chosen, pager := v.choose(all, o.missed, o.w)
	regions = append(regions, region{ID: "pager", Template: "pager", Data: pager})

	// The page gets the rows that have changed and those that it does not have, and loses
	// those that do not match any more. A row does not move, so that nobody presses the
	// wrong button.
	shown := map[string]bool{}
	var keep []string
	var rows []api.Task
	after := map[string]string{}
	last := ""
	for _, t := range chosen {
		shown[t.Task] = true
		keep = append(keep, domID("task", t.Task))
		if changed[t.Task] || o.shown != nil && !o.shown[t.Task] {
			rows = append(rows, t)
			after[t.Task] = last
		}
		last = domID("task", t.Task)
	}
	if o.shown == nil { // the rows of the page are not known
		regions = append(regions, region{ID: "rows", Keep: append([]string{}, keep...)})
	}
	for _, name := range slices.Sorted(maps.Keys(o.shown)) {
		if !shown[name] {
			regions = append(regions, region{ID: domID("task", name)})
		}
	}
	o.shown = shown
	made, err := v.taskRows(rows)
	for _, row := range made {
		regions = append(regions, region{ID: domID("task", row.Task), Template: "task-row", Data: row, In: "rows", After: after[row.Task]})
	}
	return regions, err
}

func (v *visit) queueRegions() (all []region, err error) {
	p, err := v.queuesPage()
	for _, row := range p.Rows {
		all = append(all, region{ID: domID("queue", row.Queue), Template: "queue-row", Data: row})
	}
	return all, err
}

// patch replaces the element with its id.
type patch struct {
	ID    string   `json:"id"`
	HTML  string   `json:"html,omitempty"`  // "": it is removed
	In    string   `json:"in,omitempty"`    // its parent, if it is not there
	After string   `json:"after,omitempty"` // which child of that it follows
	Keep  []string `json:"keep,omitempty"`  // all children except these are removed
	Only  bool     `json:"only,omitempty"`  // Keep is given
}

// stream is the event stream of one page.
type stream struct {
	v     *visit
	timer *http.ResponseController
	sent  map[string]uint64 // a hash of what was sent last of each region
	seed  maphash.Seed
}

// send sends an event; false: the client is gone.
func (s *stream) send(event string, data any) bool {
	var text bytes.Buffer
	in := json.NewEncoder(&text) // ends with the end of a line
	in.SetEscapeHTML(false)
	if in.Encode(data) != nil {
		return false
	}
	s.timer.SetWriteDeadline(time.Now().Add(pushTimeout))
	_, err := io.WriteString(s.v.w, "event: "+event+"\ndata: "+text.String()+"\n")
	return err == nil && s.timer.Flush() == nil
}

// push sends the regions that differ from what was sent last.
func (s *stream) push(regions []region) bool {
	var puts []patch
	for _, r := range regions {
		if r.Template == "" {
			delete(s.sent, r.ID)
			puts = append(puts, patch{ID: r.ID, Keep: r.Keep, Only: r.Keep != nil})
			continue
		}
		text, err := s.v.render(r.Template, r.Data)
		if err != nil {
			s.v.p.log.Error("a part of the page cannot be made", "part", r.ID, "error", err)
			continue
		}
		sum := maphash.Bytes(s.seed, text)
		if was, ok := s.sent[r.ID]; !ok || was != sum {
			s.sent[r.ID] = sum
			puts = append(puts, patch{ID: r.ID, HTML: string(text), In: r.In, After: r.After})
		}
	}
	return len(puts) == 0 || s.send("put", puts)
}

// live streams the changes of a page as long as it is open.
func (v *visit) live() error {
	of, err := v.viewOf(v.r.PathValue("page"))
	if err != nil {
		return err
	}
	leave, err := v.Stream()
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithCancel(v.r.Context())
	defer cancel()
	messages, err := v.Service.Watch(ctx)
	if err != nil {
		return err
	}
	v.p.pushed.add(1)
	defer v.p.pushed.add(-1)
	lines, err := v.follow(ctx)
	if err != nil {
		return err
	}
	s := &stream{v: v, timer: http.NewResponseController(v.w), sent: map[string]uint64{}, seed: maphash.MakeSeed()}
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("X-Accel-Buffering", "no") // a proxy must not buffer
	if !s.send("live", true) {
		return nil
	}
	s.run(ctx, of, messages, lines)
	return nil
}

// run pushes until the client is gone.
func (s *stream) run(ctx context.Context, of view, messages <-chan api.Message, lines <-chan logPart) {
	c := changes{tasks: map[string]bool{}, runs: map[string]bool{}, missed: map[string]bool{}, all: true, rota: true}
	next := time.NewTimer(0)
	defer next.Stop()
	look := time.NewTicker(statusInterval)
	defer look.Stop()
	waits := true // a push is due
	var log <-chan logPart
	for {
		select {
		case <-ctx.Done():
			return
		case m, more := <-messages:
			if !more {
				s.send("reload", "too slow") // it missed something
				return
			}
			if c.add(m); !waits {
				waits = true
				next.Reset(0)
			}
			continue
		case part, more := <-log:
			if log = nil; !more {
				lines = nil
				continue
			}
			if !s.pushLog(part) {
				return
			}
			next.Reset(pushInterval)
			waits = true
			continue
		case <-look.C:
			if c.rota = true; !waits {
				waits = true
				next.Reset(0)
			}
			continue
		case <-next.C:
		}
		log = lines // one part of output for each push
		if !of.affectedBy(c) && !c.rota && !c.reload {
			c.clear()
			waits = false
			continue
		}
		begun := time.Now()
		s.v.now, s.v.known = s.v.p.now(), nil
		var regions []region
		if c.reload {
			if _, is := of.(*overviewView); is {
				s.send("reload", "other tasks")
				return
			}
		}
		if c.rota {
			if at, err := s.v.status(); err == nil {
				regions = append(regions, region{ID: "status", Template: "status", Data: at}, region{ID: "alerts", Template: "alerts", Data: at})
			}
		}
		if of.affectedBy(c) {
			more, err := of.regions(s.v, c)
			if err != nil {
				if ctx.Err() == nil {
					s.send("reload", "cannot be made")
				}
				return
			}
			regions = append(regions, more...)
		}
		c.clear()
		if !s.push(regions) {
			return
		}
		// Until then nothing is pushed; later changes are in the next push.
		pause := s.v.p.pushed.pause(time.Since(begun))
		if _, is := of.(*pageView); is && s.v.r.PathValue("page") == "timeline" {
			pause = max(pause, 5*time.Second)
		}
		waits = true
		next.Reset(pause)
	}
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

// pushLog sends lines of output.
func (s *stream) pushLog(part logPart) bool {
	var html strings.Builder
	for _, line := range part.Lines {
		if text, err := s.v.render("log-line", line); err == nil {
			html.Write(text)
		}
	}
	return s.send("log", html.String())
}

// maxLines is how many lines of output one push has.
const maxLines = 500

// follow reads the output of a run from the end of what the page shows; nil: no output
// that grows.
func (v *visit) follow(ctx context.Context) (<-chan logPart, error) {
	q := v.r.URL.Query()
	id, ok := strings.CutPrefix(v.r.PathValue("page"), "runs/")
	if !ok || !q.Has("from") {
		return nil, nil
	}
	from, err := strconv.ParseInt(q.Get("from"), 10, 64)
	if err != nil || from < 0 {
		return nil, api.Errorf(api.Usage, "", "from is no number")
	}
	log, err := v.Service.Log(ctx, api.LogQuery{Run: id, Follow: true})
	if api.CodeOf(err) == api.NotFound {
		return nil, nil // it has ended without output
	}
	if err != nil {
		return nil, err
	}
	parts := make(chan logPart)
	go func() {
		defer close(parts)
		defer log.Close()
		in := bufio.NewReaderSize(log, 64<<10)
		if _, err := io.CopyN(io.Discard, in, from); err != nil {
			return
		}
		for {
			var part logPart
			for len(part.Lines) == 0 || in.Buffered() > 0 && len(part.Lines) < maxLines {
				line, err := in.ReadSlice('\n')
				if len(line) > 0 {
					part.Lines = append(part.Lines, logLineOf(line))
				}
				if err != nil && err != bufio.ErrBufferFull {
					if len(part.Lines) > 0 {
						select {
						case parts <- part:
						case <-ctx.Done():
						}
					}
					return
				}
			}
			select {
			case parts <- part:
			case <-ctx.Done():
				return
			}
		}
	}()
	return parts, nil
}
