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

// region is an element of a page that changes while somebody looks.
type region struct {
	ID       string
	Template string // "": the element is to go, or with Keep all in it but these
	Data     any
	In       string   // the element that it belongs in, if the page does not have it; "": it always has
	After    string   // the element of these that it follows; "": it is the first
	Keep     []string // ids
}

// changes are what happened since the last push.
type changes struct {
	tasks  map[string]bool // to which of them something did
	runs   map[string]bool
	missed map[string]bool // of which of them a slot was missed
	rota   bool            // something happened to rota itself
	reload bool            // the tasks of the file have changed
	all    bool            // the stream begins, and nothing of before is known
}

// view tells what is to be pushed of one page.
type view interface {
	// concerns reports whether what happened changes the page.
	concerns(c changes) bool
	// regions are what may have changed.
	regions(v *visit, c changes) ([]region, error)
}

// How often a page is pushed to at most, and how often what no message tells of is
// looked at.
const (
	pushEvery   = 250 * time.Millisecond
	statusEvery = 10 * time.Second
	pieceTime   = 10 * time.Second // to take a push in
)

// pushing keeps the cost of all pushes below a share of one processor: the more streams
// there are and the more a push costs, the longer each waits for its next.
type pushing struct {
	mu   sync.Mutex
	open int
}

// share is the part of a processor that all pushes together may take: one in so many.
const share = 25

func (p *pushing) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open += n
}

// pause is how long to wait after a push that took so long.
func (p *pushing) pause(cost time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(pushEvery, min(time.Duration(p.open*share)*cost, 10*time.Second))
}

// viewOf returns what the stream of a page is made of.
func (v *visit) viewOf(page string) (view, error) {
	kind, name, _ := strings.Cut(page, "/")
	switch kind {
	case "overview":
		return v.overviewView()
	case "timeline":
		return &pageView{every: true, make: (*visit).timelineRegions}, nil
	case "queues":
		return &pageView{every: true, make: (*visit).queueRegions}, nil
	case "events":
		return &pageView{rota: true, every: true, make: func(v *visit) ([]region, error) {
			p, err := v.eventsPage()
			return []region{{ID: "events", Template: "event-table", Data: p.Rows}}, err
		}}, nil
	case "tasks":
		return &pageView{task: name, make: func(v *visit) ([]region, error) {
			p, err := v.taskPage(name)
			return []region{{ID: "facts", Template: "task-facts", Data: p.Facts}, {ID: "chart", Template: "chart", Data: p.Chart}, {ID: "counts", Template: "counts", Data: p}, {ID: "runs", Template: "run-table", Data: p.Runs}, {ID: "waiting", Template: "run-table", Data: p.Waiting}, {ID: "events", Template: "event-table", Data: p.Events}}, err
		}}, nil
	case "runs":
		return &pageView{run: name, make: func(v *visit) ([]region, error) {
			r, err := v.Service.Run(v.r.Context(), name)
			if err != nil {
				return nil, err
			}
			f, err := v.runFacts(r)
			return []region{{ID: "facts", Template: "run-facts", Data: f}}, err
		}}, nil
	}
	return nil, api.Errorf(api.NotFound, "", "there is no page at this address")
}

// pageView makes all regions of a page anew when something happened that it shows.
type pageView struct {
	task, run   string
	every, rota bool
	make        func(*visit) ([]region, error)
}

func (p *pageView) concerns(c changes) bool {
	return c.all || p.every && len(c.tasks) > 0 || p.rota && c.rota || p.task != "" && c.tasks[p.task] || p.run != "" && c.runs[p.run]
}

func (p *pageView) regions(v *visit, _ changes) ([]region, error) { return p.make(v) }

// overviewView keeps the tasks in mind, and asks again for those alone to which
// something happened.
type overviewView struct {
	w      wanted
	tasks  map[string]api.Task
	shown  map[string]bool // by the page, as far as it was told
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
	o := &overviewView{w: wantedOf(q), tasks: map[string]api.Task{}, missed: missed, since: v.now.Add(-time.Hour)}
	if ms, err := strconv.ParseInt(q.Get("at"), 10, 64); err == nil {
		o.since = time.UnixMilli(ms).Add(-time.Second)
	}
	for _, t := range tasks {
		o.tasks[t.Task] = t
	}
	return o, nil
}

// concerns implements view. A task may become late although nothing happens to it: that
// is looked at with the state of rota.
func (o *overviewView) concerns(c changes) bool { return c.all || c.rota || len(c.tasks) > 0 }

// changedSince reports whether something may have happened to a task between the page
// and its stream.
func (o *overviewView) changedSince(t api.Task) bool {
	return len(t.Running) > 0 || t.Hold != nil && t.Hold.Since.After(o.since) || t.Last != nil && (t.Last.Started.After(o.since) || t.Last.Finished.After(o.since)) || t.State == string(runner.Queued)
}

// look asks again for tasks to which something happened.
func (o *overviewView) look(v *visit, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if len(names) > rowsAtOnce {
		names = nil // one question about all
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
	if err := o.look(v, slices.Sorted(maps.Keys(changed))); err != nil {
		return nil, err
	}
	all := slices.Collect(maps.Values(o.tasks))
	regions := []region{{ID: "chips", Template: "chips", Data: v.chips(all, o.missed, o.w)}}
	chosen, pager := v.choose(all, o.missed, o.w)
	regions = append(regions, region{ID: "pager", Template: "pager", Data: pager})

	// The page gets the rows that have changed and those that it does not have, and loses
	// those that are not wanted any more. A row stays where it is, or whoever is about to
	// press a button of it would press another.
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
	if o.shown == nil { // what the page has is not known
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

// put is an element to be put in the place of the one with its id.
type put struct {
	ID    string   `json:"id"`
	HTML  string   `json:"html,omitempty"`  // none: it goes
	In    string   `json:"in,omitempty"`    // where it belongs, if it is not there
	After string   `json:"after,omitempty"` // which element of that it follows
	Keep  []string `json:"keep,omitempty"`  // all in it but these goes
	Only  bool     `json:"only,omitempty"`  // Keep is given
}

// stream is what one page is sent.
type stream struct {
	v     *visit
	timer *http.ResponseController
	sent  map[string]uint64 // what of each region was sent last
	seed  maphash.Seed
}

// send sends an event; false: nobody takes it.
func (s *stream) send(event string, data any) bool {
	var text bytes.Buffer
	in := json.NewEncoder(&text) // ends with the end of a line
	in.SetEscapeHTML(false)
	if in.Encode(data) != nil {
		return false
	}
	s.timer.SetWriteDeadline(time.Now().Add(pieceTime))
	_, err := io.WriteString(s.v.w, "event: "+event+"\ndata: "+text.String()+"\n")
	return err == nil && s.timer.Flush() == nil
}

// push sends those of some regions that differ from what was sent last.
func (s *stream) push(regions []region) bool {
	var puts []put
	for _, r := range regions {
		if r.Template == "" {
			delete(s.sent, r.ID)
			puts = append(puts, put{ID: r.ID, Keep: r.Keep, Only: r.Keep != nil})
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
			puts = append(puts, put{ID: r.ID, HTML: string(text), In: r.In, After: r.After})
		}
	}
	return len(puts) == 0 || s.send("put", puts)
}

// live sends a page what of it changes, as long as it is open.
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
	v.w.Header().Set("X-Accel-Buffering", "no") // a proxy in between must not collect
	if !s.send("live", true) {
		return nil
	}
	s.run(ctx, of, messages, lines)
	return nil
}

// run pushes until nobody takes it any more.
func (s *stream) run(ctx context.Context, of view, messages <-chan api.Message, lines <-chan logPart) {
	c := changes{tasks: map[string]bool{}, runs: map[string]bool{}, missed: map[string]bool{}, all: true, rota: true}
	next := time.NewTimer(0)
	defer next.Stop()
	look := time.NewTicker(statusEvery)
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
			if c.note(m); !waits {
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
			next.Reset(pushEvery)
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
		if !of.concerns(c) && !c.rota && !c.reload {
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
		if of.concerns(c) {
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
		// Until then nothing is pushed; what happens meanwhile is in the next push.
		pause := s.v.p.pushed.pause(time.Since(begun))
		if _, is := of.(*pageView); is && s.v.r.PathValue("page") == "timeline" {
			pause = max(pause, 5*time.Second)
		}
		waits = true
		next.Reset(pause)
	}
}

// note notes what a message tells.
func (c *changes) note(m api.Message) {
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

// linesAtOnce is how many lines of output one push has.
const linesAtOnce = 500

// follow reads the output of a run from where the page has it until; nil: it shows none
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
		return nil, nil // it has ended without any
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
			for len(part.Lines) == 0 || in.Buffered() > 0 && len(part.Lines) < linesAtOnce {
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
