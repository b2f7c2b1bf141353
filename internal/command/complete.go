package command

import (
	"bufio"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/control"
	"rota/runner"
)

// patience is how long completion waits for the daemon, and half of it where the
// file can answer instead: who presses a key is told within a tenth of a second
// what there is, or nothing.
var patience = 60 * time.Millisecond

// complete prints what the last of the words, which may be "", can become. It
// never fails: what cannot be found out is not offered.
func (s *session) complete(words []string) error {
	none, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	defer none.Close()
	quiet := &session{in: none, out: none, err: none}
	app := quiet.app()
	app.Action = func(c *cli.Context) error {
		ctx, cancel := context.WithTimeout(c.Context, patience)
		defer cancel()
		c.Context = ctx
		w := bufio.NewWriter(s.out)
		for _, o := range newCompletion(quiet, c, words).offers() {
			io.WriteString(w, clean(o.word))
			if o.text != "" {
				io.WriteString(w, "\t"+clean(o.text))
			}
			io.WriteString(w, "\n")
		}
		return w.Flush()
	}
	app.Run([]string{"rota"})
	return nil
}

// offer is a word that may stand where the cursor is.
type offer struct {
	word, text string // text says what it is; it may be ""
}

// files leaves the answer to the shell.
var files = []offer{{word: ":files"}}

// completion is a command line that is being typed.
type completion struct {
	s       *session
	c       *cli.Context
	command *cli.Command // nil: not typed yet
	args    []string     // of the command, before the word
	flag    string       // whose value the word is; "": it is none
	word    string       // as far as it is typed
	before  string       // what stands before it in the same piece of text: "--color="
	plain   bool         // after "--": no flags any more
}

func newCompletion(s *session, c *cli.Context, words []string) *completion {
	x := &completion{s: s, c: c}
	var typed []string
	if n := len(words); n > 0 {
		typed, x.word = words[:n-1], words[n-1]
	}
	for i := 0; i < len(typed); i++ {
		word := typed[i]
		if x.plain || !isFlag(word) {
			x.take(word)
			continue
		}
		if word == "--" {
			x.plain = true
			continue
		}
		name, value, given := splitFlag(c.App, word)
		f := findFlag(c.App, name)
		if f == nil {
			continue
		}
		if takesValue(f) && !given {
			if i++; i == len(typed) {
				x.flag = f.Names()[0]
				break
			}
			value = typed[i]
		}
		if slices.Contains(c.App.Flags, f) && takesValue(f) {
			c.Set(f.Names()[0], value) // where to look for the daemon and the file
		}
	}
	if !x.plain && x.flag == "" && isFlag(x.word) && strings.Contains(x.word, "=") {
		name, value, _ := strings.Cut(strings.TrimLeft(x.word, "-"), "=")
		if f := findFlag(c.App, name); f != nil {
			name = f.Names()[0]
		}
		x.flag, x.word, x.before = name, value, strings.TrimSuffix(x.word, value)
	}
	c.Set("quiet", "true")
	return x
}

// take takes a word that is no flag.
func (x *completion) take(word string) {
	if x.command == nil && x.args == nil {
		if x.command = x.c.App.Command(word); x.command != nil {
			return
		}
	}
	x.args = append(x.args, word)
}

// offers are the words that begin as the one that is typed.
func (x *completion) offers() []offer {
	var list []offer
	for _, o := range x.all() {
		if o.word == files[0].word {
			return files
		}
		if strings.HasPrefix(o.word, x.word) {
			o.word = x.before + o.word
			list = append(list, o)
		}
	}
	return list
}

func (x *completion) all() []offer {
	switch {
	case x.flag != "":
		if values := flagValues[x.flag]; values != nil {
			return values(x)
		}
		return nil
	case !x.plain && strings.HasPrefix(x.word, "-") && x.word != "-":
		return x.flags()
	case x.command == nil && x.args == nil:
		return x.commands()
	case x.command == nil:
		return nil
	}
	kinds := arguments[x.command.Name]
	if len(kinds) == 0 {
		return nil
	}
	kind := kinds[min(len(x.args), len(kinds)-1)]
	if len(x.args) >= len(kinds) && !strings.Contains(x.command.ArgsUsage, "…") {
		return nil
	}
	var list []offer
	for _, o := range kind(x) {
		if !slices.Contains(x.args, o.word) {
			list = append(list, o)
		}
	}
	return list
}

func (x *completion) commands() []offer {
	var list []offer
	for _, c := range x.c.App.Commands {
		list = append(list, offer{c.Name, c.Usage})
	}
	return list
}

// flags are those of the command and of rota, by their long names.
func (x *completion) flags() []offer {
	var list []offer
	add := func(flags []cli.Flag) {
		for _, f := range flags {
			_, text := describe(f)
			list = append(list, offer{dashes(f.Names()[0]), text})
		}
	}
	if x.command != nil {
		add(x.command.Flags)
	}
	add(x.c.App.Flags)
	return list
}

// kind finds the words of one kind.
type kind func(*completion) []offer

// arguments are the kinds of the arguments of each command; the last one is
// that of all that follow.
var arguments = map[string][]kind{
	"run":        {tasks, params},
	"exec":       {tasks},
	"stop":       {runs(true, runner.Running)},
	"cancel":     {runs(false, runner.Held, runner.Standing, runner.Delayed, runner.Queued)},
	"check":      {aFile},
	"edit":       {aFile},
	"next":       {tasks},
	"explain":    {both(tasks, expr)},
	"show":       {both(tasks, anyRun)},
	"logs":       {both(tasks, anyRun)},
	"result":     {both(tasks, anyRun)},
	"why":        {tasks},
	"history":    {tasks},
	"hold":       {tasks},
	"release":    {held},
	"skip":       {tasks},
	"reschedule": {both(tasks, runs(false, runner.Standing)), both(expr, anyOf("default", "never"))},
	"queue":      {anyOf("list", "start", "stop"), queues},
	"forget":     {both(tasks, anyRun)},
	"notify":     {anyOf("test"), targets},
	"completion": {anyOf("bash", "fish", "zsh")},
	"man":        {aFile},
	"help":       {(*completion).commands},
}

// flagValues are the kinds of the values of flags.
var flagValues = map[string]kind{
	"config": aFile, "socket": aFile, "token-file": aFile, "input": aFile,
	"color":   anyOf("auto", "always", "never"),
	"output":  outputs,
	"state":   states,
	"outcome": ends,
	"on":      expr,
}

func anyOf(list ...string) kind {
	var offers []offer
	for _, w := range list {
		offers = append(offers, offer{word: w})
	}
	return func(*completion) []offer { return offers }
}

// ends are the outcomes of runs.
func ends(*completion) []offer {
	var offers []offer
	for _, o := range outcomes {
		offers = append(offers, offer{word: string(o)})
	}
	return offers
}

// states are those of tasks.
func states(x *completion) []offer {
	return append(anyOf("running", "queued", "held", "new", "disabled")(x), ends(x)...)
}

// outputs are what --output can be: a file, but for the daemon.
func outputs(x *completion) []offer {
	if x.command != nil && x.command.Name == "daemon" {
		return anyOf("none", "raw", "prefix", "json")(x)
	}
	return files
}

func both(a, b kind) kind {
	return func(x *completion) []offer { return slices.Concat(a(x), b(x)) }
}

func aFile(*completion) []offer { return files }

// expr are the words that a trigger begins with, and goes on with.
func expr(*completion) []offer {
	return anyOf("interval", "weekday", "monthday", "month", "at", "cron", "once", "in", "between", "@hourly", "@daily", "@weekly", "@monthly", "@yearly")(nil)
}

// daemon returns who answers; nil if nobody does in time. Only where the user
// names a file it is asked whether it runs that one: each question takes time.
func (x *completion) daemon() control.Service {
	p, err := whereDaemon(x.c)
	if err != nil {
		return nil
	}
	connect := p.dial
	if p.file != "" {
		connect = func() (control.Service, error) { return x.s.service(x.c) }
	}
	svc, err := connect()
	if err != nil {
		return nil
	}
	return svc
}

// hurry shortens the wait for the daemon until what it returns is called.
func (x *completion) hurry() (done func()) {
	all := x.c.Context
	ctx, cancel := context.WithTimeout(all, patience/2)
	x.c.Context = ctx
	return func() {
		cancel()
		x.c.Context = all
	}
}

// tasks are those that the daemon knows; if it does not answer in time, those
// that the file seems to name.
func tasks(x *completion) []offer {
	defer x.hurry()()
	if svc := x.daemon(); svc != nil {
		if list, err := svc.Tasks(x.c.Context); err == nil {
			var offers []offer
			for _, t := range list {
				offers = append(offers, offer{t.Task, t.Schedule})
			}
			return offers
		}
	}
	return x.glance("tasks")
}

func targets(x *completion) []offer { return x.glance("notify") }

func queues(x *completion) []offer {
	defer x.hurry()()
	if svc := x.daemon(); svc != nil {
		if q, err := svc.Queues(x.c.Context); err == nil {
			var offers []offer
			for _, one := range q.Queues {
				offers = append(offers, offer{one.Queue, one.State})
			}
			return offers
		}
	}
	return x.glance("queues")
}

// params are the parameters of the task that are not given yet.
func params(x *completion) []offer {
	svc := x.daemon()
	if svc == nil {
		return nil
	}
	list, err := svc.Tasks(x.c.Context, x.args[0])
	if err != nil || len(list) != 1 {
		return nil
	}
	var offers []offer
	for name, value := range list[0].Params {
		given := func(arg string) bool { return strings.HasPrefix(arg, name+"=") }
		if !slices.ContainsFunc(x.args[1:], given) {
			offers = append(offers, offer{name + "=", value})
		}
	}
	slices.SortFunc(offers, func(a, b offer) int { return strings.Compare(a.word, b.word) })
	return offers
}

// mostOffers bounds the runs that are offered: nobody reads more.
const mostOffers = 100

// runs are the newest in one of the states and, if that is wanted, their tasks.
func runs(tasksToo bool, states ...runner.State) kind {
	return func(x *completion) []offer {
		svc := x.daemon()
		if svc == nil {
			return nil
		}
		list, err := svc.Runs(x.c.Context, control.RunQuery{States: states, N: mostOffers})
		if err != nil {
			return nil
		}
		var offers []offer
		for _, r := range list {
			if one := (offer{r.Task, "task"}); tasksToo && !slices.Contains(offers, one) {
				offers = append(offers, one)
			}
			offers = append(offers, offer{r.ID, string(r.State) + string(r.Outcome)})
		}
		return offers
	}
}

// anyRun are the newest runs of the task that is typed; before a task is, there
// are too many to be of use.
func anyRun(x *completion) []offer {
	task, _, typed := strings.Cut(x.word, "/")
	if !typed {
		return nil
	}
	svc := x.daemon()
	if svc == nil {
		return nil
	}
	list, err := svc.Runs(x.c.Context, control.RunQuery{Task: task, N: mostOffers})
	if err != nil {
		return nil
	}
	var offers []offer
	for _, r := range list {
		offers = append(offers, offer{r.ID, string(r.State) + string(r.Outcome)})
	}
	return offers
}

// held are tasks and runs that can be released.
func held(x *completion) []offer {
	svc := x.daemon()
	if svc == nil {
		return nil
	}
	list, err := svc.Tasks(x.c.Context)
	if err != nil {
		return x.glance("tasks") // some of which may be held
	}
	var offers []offer
	for _, t := range list {
		if t.Hold != nil {
			offers = append(offers, offer{t.Task, t.Hold.Why})
		}
	}
	return append(offers, runs(false, runner.Held)(x)...)
}
