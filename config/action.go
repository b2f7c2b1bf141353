package config

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"rota/runner"
)

// actions read the value of an action's key; nil if it cannot be read.
var actions = map[string]func(s spot, v any) runner.Action{
	"command": readCommand,
	"log":     readLog,
	"http":    reader(httpKeys, runner.HTTP{Method: "GET", Expect: []string{"200-299"}}),
	"write":   readWrite,
	"clean":   reader(cleanKeys, runner.Clean{Match: []string{"*"}}),
	"mail":    readMail,
}

// reader returns the reader of an action that is a table.
func reader[T any, P interface {
	*T
	runner.Action
}](keys map[string]setter[T], empty T) func(s spot, v any) runner.Action {
	return func(s spot, v any) runner.Action {
		a := empty
		if !fill(s, v, keys, s.name(), &a) {
			return nil
		}
		return P(&a)
	}
}

// check adds what the action itself has to say about its values.
func (s spot) check(a runner.Action, before int) {
	if c, ok := a.(interface{ Check() []runner.Problem }); ok {
		s.problems(c.Check(), before)
	}
}

// problems complains about the values of an action, but for those that were
// complained of when they were read; before is how many complaints there were
// then.
func (s spot) problems(list []runner.Problem, before int) {
	reading := s.l.complaints[before:]
	for _, p := range list {
		at := s
		if p.Key != "" {
			for _, key := range strings.SplitN(p.Key, ".", 2) {
				at = at.at(key)
			}
		}
		known := slices.ContainsFunc(reading, func(c complaint) bool {
			return p.Key == "" || c.Hint == didYouMean(p.Key, []string{p.Key}) ||
				len(c.path) >= len(at.path) && slices.Equal(c.path[:len(at.path)], at.path)
		})
		if !known {
			at.wrong(p.Hint, "%s", p.Msg)
		}
	}
}

func readCommand(s spot, v any) runner.Action {
	c := &runner.Command{}
	switch v := v.(type) {
	case string:
		if !s.text(v, &c.Text) {
			return nil
		}
	case []any:
		for i, item := range v {
			arg := ""
			if !s.at(i).text(item, &arg) {
				return nil
			}
			c.Argv = append(c.Argv, arg)
		}
	default:
		s.mismatch(v, `a text for the shell or a list such as ["df", "-h"]`, "")
		return nil
	}
	return c
}

var logKeys = map[string]setter[runner.Log]{
	"message": func(s spot, v any, to *runner.Log) { s.text(v, &to.Message) },
	"level":   func(s spot, v any, to *runner.Log) { s.oneOf(v, &to.Level, "debug", "info", "warn", "error") },
}

func readLog(s spot, v any) runner.Action {
	a := &runner.Log{Level: "info"}
	if _, ok := v.(string); ok {
		if !s.text(v, &a.Message) {
			return nil
		}
		return a
	}
	if _, ok := v.(map[string]any); !ok {
		s.mismatch(v, "a text or a table", `log = "text" or log = { message = "text", level = "warn" }`)
		return nil
	}
	fill(s, v, logKeys, "log", a)
	return a
}

var httpKeys = map[string]setter[runner.HTTP]{
	"url":    func(s spot, v any, to *runner.HTTP) { s.filled(v, &to.URL) },
	"method": func(s spot, v any, to *runner.HTTP) { s.filled(v, &to.Method) },
	"headers": func(s spot, v any, to *runner.HTTP) {
		to.Headers = map[string]string{}
		s.table(v, func(s spot, name string, v any) {
			value := ""
			if s.text(v, &value) {
				to.Headers[name] = value
			}
		})
	},
	"body":        func(s spot, v any, to *runner.HTTP) { s.text(v, &to.Body) },
	"body_file":   func(s spot, v any, to *runner.HTTP) { s.filePath(v, &to.BodyFile) },
	"expect":      setExpect,
	"expect_body": func(s spot, v any, to *runner.HTTP) { s.filled(v, &to.ExpectBody) },
	"save":        func(s spot, v any, to *runner.HTTP) { s.filePath(v, &to.Save) },
}

// setExpect reads statuses: numbers, texts and ranges.
func setExpect(s spot, v any, to *runner.HTTP) {
	to.Expect = nil
	s.each(v, func(s spot, item any) {
		if n, ok := item.(int64); ok {
			item = strconv.FormatInt(n, 10)
		}
		t := ""
		if s.filled(item, &t) {
			to.Expect = append(to.Expect, t)
		}
	})
}

var writeKeys = map[string]setter[runner.Write]{
	"path":          func(s spot, v any, to *runner.Write) { s.filePath(v, &to.Path) },
	"text":          func(s spot, v any, to *runner.Write) { s.text(v, &to.Text) },
	"template_file": func(s spot, v any, to *runner.Write) { s.filePath(v, &to.TemplateFile) },
	"mode":          func(s spot, v any, to *runner.Write) { s.octal(v, &to.Mode) },
	"if_changed":    func(s spot, v any, to *runner.Write) { s.truth(v, &to.IfChanged) },
	"append":        func(s spot, v any, to *runner.Write) { s.truth(v, &to.Append) },
}

func readWrite(s spot, v any) runner.Action {
	a := &runner.Write{Mode: 0o644, IfChanged: true}
	if !fill(s, v, writeKeys, "write", a) {
		return nil
	}
	if _, given := v.(map[string]any)["if_changed"]; a.Append && !given {
		a.IfChanged = false // the default is for files that are replaced
	}
	return a
}

var cleanKeys = map[string]setter[runner.Clean]{
	"path":       func(s spot, v any, to *runner.Clean) { s.filePath(v, &to.Path) },
	"match":      func(s spot, v any, to *runner.Clean) { s.texts(v, &to.Match) },
	"older_than": func(s spot, v any, to *runner.Clean) { s.duration(v, &to.OlderThan) },
	"recursive":  func(s spot, v any, to *runner.Clean) { s.truth(v, &to.Recursive) },
	"keep":       func(s spot, v any, to *runner.Clean) { s.number(v, 0, math.MaxInt, &to.Keep) },
	"dry":        func(s spot, v any, to *runner.Clean) { s.truth(v, &to.Dry) },
}
