package config

import (
	"strconv"

	"rota/runner"
)

var httpAction = action{
	Key{"http", tableType(httpTable.name), "", "A request over HTTP.", []string{`{ url = "https://example.org/" }`}},
	readTable(httpTable), httpTable,
}

var httpTable = &table[runner.HTTP]{
	name: "tasks.NAME.http", text: "A request over HTTP, and what is expected of the response.", required: []string{"url"},
	keys: []key[runner.HTTP]{
		row("url", httpURL, "", "http or https. A template is allowed after the host, each value with urlquery. Lists and errors show it without login and query. Headers and body are not sent to another host after a redirect.", `"https://example.org/{{.Task | urlquery}}"`),
		row("method", httpMethod, `"GET"`, "The method.", `"POST"`),
		row("headers", httpHeaders, "", "More headers.", `{ Accept = "*/*" }`),
		row("body", httpBody, "", "The body, a template.", `"{{.Host}}"`),
		row("body_file", path(func(a *runner.HTTP) *string { return &a.BodyFile }), "", "A file to send as it is. A symbolic link on the way is followed if no other user can change it.", `"/srv/body.json"`),
		row("expect", custom(orList(statusType), func(a *runner.HTTP) *[]string { return &a.Expect }, setExpect), `["200-299"]`, "Status codes that are success.", "204", `"200-299"`, `[200, "300-399"]`),
		row("expect_body", someText(func(a *runner.HTTP) *string { return &a.ExpectBody }), "", "A text that the response must contain.", `"ok"`),
		row("save", path(func(a *runner.HTTP) *string { return &a.Save }), "", "The file to write an expected response to. It is replaced atomically.", `"/srv/page.html"`),
	},
}

var statusType = Type{Name: "a status or a range", Text: true, Pattern: `^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$`, Number: true, Min: 100, Max: 599}

// The values that http and webhook share.
var (
	httpURL     = someText(func(a *runner.HTTP) *string { return &a.URL })
	httpMethod  = someText(func(a *runner.HTTP) *string { return &a.Method })
	httpHeaders = custom(namedType("", textType), func(a *runner.HTTP) *map[string]string { return &a.Headers }, setHeaders)
	httpBody    = anyText(func(a *runner.HTTP) *string { return &a.Body })
)

func setHeaders(loc location, v any, to *runner.HTTP) {
	to.Headers = map[string]string{}
	loc.table(v, func(loc location, name string, v any) {
		value := ""
		if loc.text(v, &value) {
			to.Headers[name] = value
		}
	})
}

// setExpect reads statuses: numbers, texts and ranges.
func setExpect(loc location, v any, to *runner.HTTP) {
	to.Expect = nil
	loc.each(v, func(loc location, item any) {
		if _, isNumber := item.(int64); isNumber {
			n := 0
			if loc.number(item, statusType.Min, statusType.Max, &n) {
				to.Expect = append(to.Expect, strconv.Itoa(n))
			}
			return
		}
		t := ""
		if loc.filled(item, &t) {
			to.Expect = append(to.Expect, t)
		}
	})
}
