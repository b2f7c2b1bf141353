package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
)

// renderMax bounds in bytes what a template may make.
const renderMax = 16 << 20

// templateData are the fields of every template.
type templateData struct {
	Task      string
	Run       string
	Scheduled time.Time // zero for a request
	Started   time.Time
	Attempt   int
	Params    map[string]string
	Host      string
}

// eventData are the fields of the event of a hook.
type eventData struct {
	Event   string
	Outcome Outcome
	Exit    int // -1: the process did not exit by itself, or there was none
	Took    time.Duration
	Why     string
	Tail    string
}

// taskData are the fields of a template of a task. Unless a hook started the run, there is
// no event.
type taskData struct {
	templateData
	eventData
	Parent string // the run of the event
}

// hookData are the fields of a template of a notification.
type hookData struct {
	templateData
	eventData
	Text string
	Time time.Time
	URL  string // "": no page is known
	More int
}

// fields are what templates may use.
type fields struct {
	of   reflect.Type
	hint string
}

const (
	templateHint = "the fields are .Task .Run .Scheduled .Started .Attempt .Params.NAME .Host"
	eventHint    = ".Event .Outcome .Exit .Took .Why .Tail"
)

var (
	taskFields = fields{reflect.TypeFor[taskData](), templateHint + " and, if a hook started it, .Parent " + eventHint}
	hookFields = fields{reflect.TypeFor[hookData](), templateHint + " " + eventHint + " .Text .Time .URL .More"}
)

// templateData returns what the templates of this run see.
func (in Input) templateData() any {
	data := templateData{
		Task: in.Task, Run: in.Run, Attempt: in.Attempt, Params: in.Params, Host: in.Host,
		Scheduled: in.local(in.Scheduled), Started: in.local(in.Started),
	}
	h := in.Hook
	if h == nil {
		h = &Hook{}
	}
	event := eventData{h.Event, h.Outcome, -1, h.Took, h.Why, h.Tail}
	if h.Exit != nil {
		event.Exit = *h.Exit
	}
	if in.notification {
		return hookData{data, event, h.Text, in.local(h.Time), h.URL, h.More}
	}
	return taskData{data, event, h.Run}
}

// local is a time for templates: in the zone of the task, and without the monotonic clock,
// which time.Time prints. A zero time stays zero.
func (in Input) local(t time.Time) time.Time {
	t = t.Round(0)
	if in.Zone == "" || t.IsZero() {
		return t
	}
	zone, err := time.LoadLocation(in.Zone)
	if err != nil {
		return t // the zone was read before: its data are gone since
	}
	return t.In(zone)
}

// parseTemplate reads the text of the key name. A parameter that the run does
// not have is an error when the template is rendered, never "<no value>".
func parseTemplate(name, text string) (*template.Template, error) {
	t, err := template.New(name).Funcs(templateFuncs).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, plainError(name, err)
	}
	return t, nil
}

// plainError replaces the prefix that text/template gives its errors, which
// names the template, by the word line.
func plainError(name string, err error) error {
	if rest, ok := strings.CutPrefix(err.Error(), "template: "+name+":"); ok {
		return errors.New("line " + rest)
	}
	return err
}

// checkTemplate returns what is wrong with a template before it is rendered:
// its syntax and its fields.
func checkTemplate(key, text string) []Problem { return taskFields.check(key, text) }

func (f fields) check(key, text string) []Problem {
	t, err := parseTemplate(key, text)
	if err != nil {
		return []Problem{{Key: key, Msg: "template: " + err.Error()}}
	}
	return f.checkUse(key, t)
}

// render fills the template text of the key name in. It ends early when ctx
// is done or the result grows beyond renderMax.
func render(ctx context.Context, name, text string, in Input) (string, error) {
	t, err := parseTemplate(name, text)
	if err != nil {
		return "", fmt.Errorf("%s: template: %w", name, err)
	}
	if in.notification {
		t.Option("missingkey=zero") // it is told of runs of all kinds, and of none
	}
	out := boundedBuffer{ctx: ctx}
	if err := t.Execute(&out, in.templateData()); err != nil {
		return "", fmt.Errorf("%s: template: %w", name, plainError(name, err))
	}
	return out.String(), nil
}

// boundedBuffer holds what a template writes, up to renderMax.
type boundedBuffer struct {
	ctx context.Context
	bytes.Buffer
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	if b.Len()+len(p) > renderMax {
		return 0, fmt.Errorf("result is larger than %d MiB", renderMax>>20)
	}
	return b.Buffer.Write(p)
}

// checkUse compares the fields that a template uses with those that exist. text/template
// finds an unknown field only when it is evaluated. Where the type of a value is not known
// from the text, nothing is checked.
func (f fields) checkUse(key string, t *template.Template) []Problem {
	return f.usedBy(key, t).problems
}

func (f fields) usedBy(key string, t *template.Template) *fieldCheck {
	c := &fieldCheck{key: key, root: f.of, hint: f.hint}
	c.walk(t.Root, f.of)
	return c
}

type fieldCheck struct {
	key    string
	root   reflect.Type // the type of $
	hint   string
	params []string // the parameters that are named
	problems
}

// ParamUse is a parameter that a template names.
type ParamUse struct {
	Key  string // of the template in the action's table
	Name string // of the parameter
}

// ParamUses lists the parameters that the templates of an action name, as far as their
// texts show. A run fails if one is missing when it is evaluated.
func ParamUses(a Action) []ParamUse {
	var uses []ParamUse
	list := func(key, text string) {
		t, err := parseTemplate(key, text)
		if err != nil {
			return
		}
		for _, name := range taskFields.usedBy(key, t).params {
			if use := (ParamUse{key, name}); !slices.Contains(uses, use) {
				uses = append(uses, use)
			}
		}
	}
	switch a := a.(type) {
	case *Log:
		list("message", a.Message)
	case *HTTP:
		list("url", a.URL)
		list("body", a.Body)
	case *Write:
		list("text", a.Text)
	case *Mail:
		list("subject", a.Subject)
		list("body", a.Body)
	}
	return uses
}

// walk checks a node in which the dot has type dot; nil is unknown.
func (c *fieldCheck) walk(n parse.Node, dot reflect.Type) {
	switch n := n.(type) {
	case *parse.ListNode:
		for _, n := range n.Nodes {
			c.walk(n, dot)
		}
	case *parse.ActionNode:
		c.typeOf(n.Pipe, dot)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			c.typeOf(n.Pipe, dot)
		}
	case *parse.IfNode:
		c.branch(&n.BranchNode, dot, func(reflect.Type) reflect.Type { return dot })
	case *parse.WithNode:
		c.branch(&n.BranchNode, dot, func(t reflect.Type) reflect.Type { return t })
	case *parse.RangeNode:
		c.branch(&n.BranchNode, dot, func(t reflect.Type) reflect.Type {
			if t != nil && t.Kind() == reflect.Map {
				return t.Elem()
			}
			return nil
		})
	}
}

func (c *fieldCheck) branch(n *parse.BranchNode, dot reflect.Type, inner func(reflect.Type) reflect.Type) {
	c.walk(n.List, inner(c.typeOf(n.Pipe, dot)))
	if n.ElseList != nil {
		c.walk(n.ElseList, dot)
	}
}

// typeOf checks the fields of an operand and returns its type; nil: unknown.
func (c *fieldCheck) typeOf(n parse.Node, dot reflect.Type) reflect.Type {
	switch n := n.(type) {
	case *parse.PipeNode:
		var t reflect.Type
		for _, cmd := range n.Cmds {
			t = nil
			c.layout(cmd.Args)
			for _, arg := range cmd.Args {
				t = c.typeOf(arg, dot)
			}
			if len(n.Cmds) > 1 || len(cmd.Args) > 1 {
				t = nil // what a function returns
			}
		}
		return t
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return c.follow(dot, n.Ident)
	case *parse.ChainNode:
		return c.follow(c.typeOf(n.Node, dot), n.Field)
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			return c.follow(c.root, n.Ident[1:])
		}
	}
	return nil
}

// layout checks that of the function date, if a command calls it with a text.
func (c *fieldCheck) layout(call []parse.Node) {
	name, ok := call[0].(*parse.IdentifierNode)
	if !ok || name.Ident != "date" || len(call) < 2 {
		return
	}
	if text, ok := call[1].(*parse.StringNode); ok {
		if err := checkLayout(text.Text); err != nil {
			c.add(c.key, "template: date: "+err.Error(), "")
		}
	}
}

// follow returns the type of the field path below t.
func (c *fieldCheck) follow(t reflect.Type, path []string) reflect.Type {
	for _, name := range path {
		if t == nil {
			return nil
		}
		if m, ok := t.MethodByName(name); ok {
			t = m.Type.Out(0)
			continue
		}
		f, ok := reflect.StructField{}, false
		switch t.Kind() {
		case reflect.Map: // .Params is the only one
			c.params = append(c.params, name)
			t = t.Elem()
			continue
		case reflect.Struct:
			f, ok = t.FieldByName(name)
		}
		if !ok || !f.IsExported() {
			c.add(c.key, "template: unknown field ."+strings.Join(path, "."), c.hint)
			return nil
		}
		t = f.Type
	}
	return t
}
