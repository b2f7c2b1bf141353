package runner

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"
)

// checkURL complains about a url whose host might come out different from what
// the file says, whatever is filled in: the template begins after the host,
// and what it puts in is escaped.
func checkURL(text string, f fields) []Problem {
	var p problems
	const key = "url"
	if text == "" {
		p.add(key, "url is needed", `such as "https://example.org/"`)
		return p
	}
	fixed, _, isTemplate := strings.Cut(text, "{{")
	scheme, rest, _ := strings.Cut(fixed, "://")
	if isTemplate && !(scheme != "" && strings.ContainsAny(rest, "/?#")) {
		p.add(key, "the scheme and host of a url cannot be filled in", `write "{{" only after the host and a slash`)
		return p
	}
	if _, err := parseURL(fixed); err != nil {
		p.add(key, err.Error(), "")
		return p
	}
	t, err := parseTemplate(key, text)
	if err != nil {
		p.add(key, "template: "+err.Error(), "")
		return p
	}
	if len(t.Templates()) > 1 {
		p.add(key, "a url cannot define templates", "")
	}
	p = append(p, f.checkUse(key, t)...)
	return append(p, checkQuoted(key, t)...)
}

// checkQuoted complains about what a template puts in without urlquery.
func checkQuoted(key string, t *template.Template) []Problem {
	var p problems
	var walk func(*parse.ListNode)
	branch := func(n *parse.BranchNode) { walk(n.List); walk(n.ElseList) }
	walk = func(list *parse.ListNode) {
		if list == nil {
			return
		}
		for _, n := range list.Nodes {
			switch n := n.(type) {
			case *parse.ActionNode:
				if len(n.Pipe.Decl) == 0 && !endsInQuery(n.Pipe) { // {{$x := …}} puts nothing in
					p.add(key, fmt.Sprintf("%s in a url is not escaped", n), fmt.Sprintf("{{%s | urlquery}}", n.Pipe))
				}
			case *parse.TemplateNode:
				p.add(key, fmt.Sprintf("%s cannot be in a url", n), "")
			case *parse.IfNode:
				branch(&n.BranchNode)
			case *parse.WithNode:
				branch(&n.BranchNode)
			case *parse.RangeNode:
				branch(&n.BranchNode)
			}
		}
	}
	walk(t.Root)
	return p
}

func endsInQuery(pipe *parse.PipeNode) bool {
	last := pipe.Cmds[len(pipe.Cmds)-1]
	name, ok := last.Args[0].(*parse.IdentifierNode)
	return ok && name.Ident == "urlquery"
}

// parseURL reads an absolute http or https URL; errors do not repeat any of it,
// because it may hold a password.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	var badEscape url.EscapeError
	switch {
	case err == nil:
	case errors.As(err, &badEscape):
		return nil, errors.New("url cannot be read: a % is not followed by two hexadecimal digits")
	case strings.ContainsFunc(text, unicode.IsControl):
		return nil, errors.New("url cannot be read: it has a control character")
	default:
		return nil, errors.New("url cannot be read: its login, host or port is malformed")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("url does not begin with http:// or https://")
	}
	if u.Hostname() == "" {
		return nil, errors.New("url has no host")
	}
	return u, nil
}

// target is the URL of one run.
func (a *HTTP) target(ctx context.Context, in Input) (*url.URL, error) {
	text, err := render(ctx, "url", a.URL, in)
	if err != nil {
		return nil, err
	}
	u, err := parseURL(text)
	if err != nil {
		return nil, err
	}
	// Dots need no escape, so a value could still climb out of its directory.
	if text != a.URL && slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." }) {
		return nil, errors.New("url: a value makes its path lead to another directory")
	}
	return u, nil
}
