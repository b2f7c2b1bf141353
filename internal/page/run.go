package page

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/runner"
)

// runPage shows one run.
type runPage struct {
	Head          head
	ID, Task, Key string
	Facts         runFacts
	Attempts      []choice
	Log           logPart
	HasOutput     bool   // there is output to download
	Command       string // that shows the output on a command line; "": no output
}

// runFacts are the details of a run.
type runFacts struct {
	ID, Task                                        string
	State                                           word
	Why, Cause, Who                                 string
	Parent                                          string
	By                                              string
	Scheduled, Queued, Started, Finished, NotBefore moment
	First, Last                                     moment
	Count                                           int
	Delay                                           string // between its time and its start
	Took                                            string
	SoFar                                           string
	How                                             string
	CPU, Memory                                     string
	Queue, User, On, Revision, Trace                string
	Params                                          []api.Setting
	Input                                           string
	LongInput                                       bool
	Result                                          string
	Steps                                           []stepRow
	Before, After                                   string // the failures before and after it
	CanStop, CanCancel, CanRelease, CanAgain        bool
	Back                                            string
}

type stepRow struct {
	At    moment
	State word
	Why   string
	Until moment
}

// logPart is output of a run.
type logPart struct {
	Lines   []logLine
	Cut     bool   // earlier output is not shown
	None    string // why there is none
	Attempt string // "": the last one
	Live    bool   // it may grow
	From    int    // its length in bytes
}

// logLine is a line of output; its time is that of the server, which wrote it.
type logLine struct {
	Time, Full, Text string
	Note             bool // rota wrote it
}

// shownLog is how many bytes of output a page shows: the last ones.
const shownLog = 256 << 10

func (v *visit) runID() (string, error) {
	id := v.r.PathValue("task") + "/" + v.r.PathValue("key")
	if !api.IsTask(v.r.PathValue("task")) || !api.IsRunKey(v.r.PathValue("key")) {
		return "", api.Errorf(api.NotFound, "", "no run %q", escape.Short(id, 80))
	}
	return id, nil
}

func (v *visit) run() error {
	id, err := v.runID()
	if err != nil {
		return err
	}
	r, err := v.Service.Run(v.r.Context(), id)
	if err != nil {
		return err
	}
	task, key := runner.SplitID(r.ID)
	p := runPage{ID: r.ID, Task: task, Key: key, HasOutput: r.Outputs}
	if p.Facts, err = v.runFacts(r); err != nil {
		return err
	}
	wanted, err := api.Attempt(v.r.URL.Query().Get("attempt"))
	if err != nil {
		return err
	}
	if earlier := slices.DeleteFunc(slices.Clone(r.WithOutput), func(n int) bool { return n == r.Attempts }); len(earlier) > 0 || wanted > 0 && r.Attempts > 1 {
		for _, n := range append(earlier, r.Attempts) {
			p.Attempts = append(p.Attempts, choice{Text: strconv.Itoa(n), URL: v.url("runs", r.ID) + "?attempt=" + strconv.Itoa(n), Chosen: wanted == n || wanted == 0 && n == r.Attempts})
		}
		p.Attempts = append(p.Attempts, choice{Text: "all", URL: v.url("runs", r.ID) + "?attempt=all", Chosen: wanted == api.AllAttempts})
	}
	p.Log = v.log(r.Run, wanted)
	if wanted != 0 {
		p.HasOutput = slices.Contains(r.WithOutput, wanted) || wanted == api.AllAttempts && len(r.WithOutput) > 0
	}
	switch {
	case p.Log.Live:
		p.Command = "rota logs -f " + r.ID
	case p.HasOutput && wanted == api.AllAttempts:
		p.Command = "rota logs " + r.ID + " --attempt all"
	case p.HasOutput && wanted > 0:
		p.Command = "rota logs " + r.ID + " --attempt " + strconv.Itoa(wanted)
	case p.HasOutput:
		p.Command = "rota logs " + r.ID
	}
	if p.Head, err = v.head("", r.ID); err != nil {
		return err
	}
	p.Head.live(v, "runs/"+r.ID, nil)
	if p.Log.Live {
		p.Head.Live += "?from=" + strconv.Itoa(p.Log.From) + "&attempt=" + strconv.Itoa(r.Attempts)
	}
	return v.show(200, "run", p)
}

// zoneOfTask is the name of the zone of a task; "" if it is not in the file any more.
func (v *visit) zoneOfTask(name string) string {
	if v.zone.at != nil {
		return ""
	}
	if tasks, err := v.Service.Tasks(v.r.Context(), name); err == nil && len(tasks) == 1 {
		return tasks[0].Timezone
	}
	return ""
}

func (v *visit) runFacts(r api.RunDetails) (runFacts, error) {
	zone := v.zoneOfTask(r.Task)
	at := func(t time.Time) moment { return v.at(t, zone) }
	f := runFacts{
		ID: r.ID, Task: r.Task, State: wordFor(r.Run.Word()), Why: r.Why, Cause: causes[r.Cause], Who: r.Who, Parent: r.Parent, By: r.By,
		Scheduled: at(r.Scheduled), Queued: at(r.Queued), Started: at(r.Started), Finished: at(r.Finished), NotBefore: at(r.NotBefore),
		First: at(r.First), Last: at(r.Last), Count: r.Count, Took: v.took(r.Run), How: r.Run.HowEnded(),
		Queue: r.Queue, User: r.User, On: r.On, Revision: r.Revision, Trace: r.Trace, Input: r.Input, LongInput: r.LongInput,
		Back: "/runs/" + r.ID,
	}
	if r.Outcome == "" && r.State == runner.Running {
		f.SoFar = r.Started.UTC().Format(time.RFC3339)
	}
	if d := r.Started.Sub(r.Scheduled); !r.Started.IsZero() && !r.Scheduled.IsZero() && d >= 0 {
		f.Delay = lasted(d) + " later"
	}
	if r.CPU > 0 {
		f.CPU = lasted(time.Duration(r.CPU * float64(time.Second)))
	}
	if r.MaxRSS > 0 {
		f.Memory = size(r.MaxRSS)
	}
	if r.Result > 0 {
		f.Result = size(r.Result)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Params)) {
		f.Params = append(f.Params, api.Setting{Key: name, Value: r.Params[name]})
	}
	for _, s := range r.Transitions {
		state := string(s.State)
		if s.Outcome != "" {
			state = string(s.Outcome)
		}
		f.Steps = append(f.Steps, stepRow{at(s.Time), wordFor(state), s.Why, at(s.Until)})
	}
	f.CanStop = r.State == runner.Running && v.may(api.MayOwn, r.Task)
	f.CanCancel = r.Outcome == "" && r.State != runner.Running && v.may(api.MayRequest, r.Task)
	f.CanRelease = r.State == runner.Held && v.may(api.MayOwn, r.Task)
	f.CanAgain = r.Outcome != "" && !r.LongInput && v.may(api.MayRequest, r.Task)
	runs, err := v.Service.Runs(v.r.Context(), api.RunQuery{Tasks: []string{r.Task}, Each: maxRunsRead, Outcomes: []runner.Outcome{runner.Failed, runner.TimedOut, runner.Lost}})
	for _, other := range lastStarted(runs) {
		switch {
		case other.ID == r.ID:
		case other.Started.Before(r.Started):
			f.Before = other.ID
		case f.After == "" && other.Started.After(r.Started):
			f.After = other.ID
		}
	}
	if api.CodeOf(err) == api.NotFound { // the task was removed from the file
		err = nil
	}
	return f, err
}

// log is the end of the output of a run.
func (v *visit) log(r api.Run, attempt int) logPart {
	part := logPart{Live: r.Outcome == "" && r.State != runner.Recurring && attempt == 0, Attempt: v.r.URL.Query().Get("attempt")}
	if r.IsSummary() {
		part.None = "These slots were not executed."
		return part
	}
	in, err := v.Service.Log(v.r.Context(), api.LogQuery{Run: r.ID, Attempt: attempt})
	if err != nil {
		part.None = "No output."
		if r.Outcome == "" {
			part.None = "No output yet."
		}
		if api.CodeOf(err) != api.NotFound {
			part.None = err.Error()
		}
		return part
	}
	defer in.Close()
	text, all, err := tail(in, shownLog)
	if err != nil {
		part.None = err.Error()
		return part
	}
	part.From, part.Cut = all, all > len(text)
	if part.Cut {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	part.Lines = logLines(text)
	if len(part.Lines) == 0 {
		part.None = "No output."
	}
	return part
}

// tail reads to the end and returns the last bytes, and how many bytes there were.
func tail(in io.Reader, most int) (text []byte, all int, err error) {
	piece := make([]byte, 32<<10)
	for {
		n, err := in.Read(piece)
		text = append(text, piece[:n]...)
		all += n
		if len(text) > 2*most {
			text = append(text[:0], text[len(text)-most:]...)
		}
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return text[max(0, len(text)-most):], all, err
		}
	}
}

// logLines are lines of output: a time, then what was written.
func logLines(text []byte) []logLine {
	var lines []logLine
	for line := range bytes.Lines(text) {
		lines = append(lines, logLineOf(line))
	}
	return lines
}

func logLineOf(line []byte) logLine {
	line = bytes.TrimSuffix(bytes.TrimRight(line, "\n"), []byte("\r"))
	l := logLine{}
	if when, rest, ok := bytes.Cut(line, []byte(" ")); ok {
		if t, err := time.Parse("2006-01-02T15:04:05.000Z", string(when)); err == nil {
			l.Time, l.Full, line = t.Format("15:04:05"), string(when), rest
		}
	}
	if rest, ok := bytes.CutPrefix(line, []byte("[rota] ")); ok && l.Time != "" {
		l.Note, line = true, rest
	}
	l.Text = escape.Lines(string(line))
	return l
}

// output sends the whole output of a run as a download.
func (v *visit) output() error {
	id, err := v.runID()
	if err != nil {
		return err
	}
	attempt, err := api.Attempt(v.r.URL.Query().Get("attempt"))
	if err != nil {
		return err
	}
	in, err := v.Service.Log(v.r.Context(), api.LogQuery{Run: id, Attempt: attempt})
	if err != nil {
		return err
	}
	defer in.Close()
	task, key := runner.SplitID(id)
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+task+"_"+key+`.log"`)
	http.NewResponseController(v.w).SetWriteDeadline(time.Time{})
	if _, err := io.Copy(v.w, in); err != nil && !errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // so that the browser shows it as incomplete
	}
	return nil
}
