package page

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"hash/maphash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"rota/internal/api"
)

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
		return nil, api.Errorf(api.Usage, "", "from is not a number")
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
