package page

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"hash/maphash"
	"io"
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
	Template string
	Data     any
}

// changes are what happened since the last push.
type changes struct {
	tasks  map[string]bool // to which of them something did
	runs   map[string]bool
	rota   bool // something happened to rota itself
	reload bool // the tasks of the file have changed
	all    bool // the stream begins, and nothing of before is known
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
			return []region{{"events", "event-table", p.Rows}}, err
		}}, nil
	case "tasks":
		return &pageView{task: name, make: func(v *visit) ([]region, error) {
			p, err := v.taskPage(name)
			return []region{{"facts", "task-facts", p.Facts}, {"chart", "chart", p.Chart}, {"counts", "counts", p}, {"runs", "run-table", p.Runs}, {"waiting", "run-table", p.Waiting}, {"events", "event-table", p.Events}}, err
		}}, nil
	case "runs":
		return &pageView{run: name, make: func(v *visit) ([]region, error) {
			r, err := v.Service.Run(v.r.Context(), name)
			if err != nil {
				return nil, err
			}
			f, err := v.runFacts(r)
			return []region{{"facts", "run-facts", f}}, err
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
	shown  map[string]bool // by the page that was sent
	missed map[string]bool
	since  time.Time // when that was
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
	o := &overviewView{w: wantedOf(q), tasks: map[string]api.Task{}, shown: map[string]bool{}, missed: missed, since: v.now.Add(-time.Hour)}
	if ms, err := strconv.ParseInt(q.Get("at"), 10, 64); err == nil {
		o.since = time.UnixMilli(ms).Add(-time.Second)
	}
	for _, t := range tasks {
		o.tasks[t.Task] = t
		o.shown[t.Task] = true
	}
	return o, nil
}

func (o *overviewView) concerns(c changes) bool { return c.all || len(c.tasks) > 0 }

// changedSince reports whether something may have happened to a task between the page
// and its stream.
func (o *overviewView) changedSince(t api.Task) bool {
	return len(t.Running) > 0 || t.Hold != nil && t.Hold.Since.After(o.since) || t.Last != nil && (t.Last.Started.After(o.since) || t.Last.Finished.After(o.since)) || t.State == string(runner.Queued)
}

func (o *overviewView) regions(v *visit, c changes) ([]region, error) {
	var names []string
	for name := range c.tasks {
		if _, known := o.tasks[name]; known {
			names = append(names, name)
		}
	}
	if c.all {
		for name, t := range o.tasks {
			if o.changedSince(t) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	names = names[:min(len(names), rowsAtOnce)]
	var rows []taskRow
	if len(names) > 0 {
		tasks, err := v.Service.Tasks(v.r.Context(), names...)
		if err != nil {
			return nil, err
		}
		for _, t := range tasks {
			o.tasks[t.Task] = t
		}
		if rows, err = v.taskRows(tasks); err != nil {
			return nil, err
		}
	}
	all := make([]api.Task, 0, len(o.tasks))
	for _, t := range o.tasks {
		all = append(all, t)
	}
	regions := []region{{"chips", "chips", v.chips(all, o.missed, o.w)}}
	for _, row := range rows {
		regions = append(regions, region{domID("task", row.Task), "task-row", row})
	}
	return regions, nil
}

func (v *visit) queueRegions() (all []region, err error) {
	p, err := v.queuesPage()
	for _, row := range p.Rows {
		all = append(all, region{domID("queue", row.Queue), "queue-row", row})
	}
	return all, err
}

// put is an element to be put in the place of the one with its id.
type put struct {
	ID   string `json:"id"`
	HTML string `json:"html"`
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
		text, err := s.v.render(r.Template, r.Data)
		if err != nil {
			s.v.p.log.Error("a part of the page cannot be made", "part", r.ID, "error", err)
			continue
		}
		sum := maphash.Bytes(s.seed, text)
		if was, ok := s.sent[r.ID]; !ok || was != sum {
			s.sent[r.ID] = sum
			puts = append(puts, put{r.ID, string(text)})
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
	c := changes{tasks: map[string]bool{}, runs: map[string]bool{}, all: true, rota: true}
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
				regions = append(regions, region{"status", "status", at}, region{"alerts", "alerts", at})
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
