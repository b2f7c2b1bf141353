package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"rota/internal/api"
	"rota/runner"
)

// pageTasks are tasks in all states, with names and outputs of an attacker.
const pageTasks = `
[queues.main]
description = "the ordinary work"

[tasks.site]
interval = "1h"
description = "ask whether the site answers"
tags = ["web"]
command = "echo checking; echo fine"

[tasks.backup]
weekday = "mon-fri"
at = "02:30"
description = "copy the database to the other machine"
tags = ["db"]
queue = "main"
command = "echo copying"
params = { day = "today" }

[tasks.sync]
cron = "17 */6 * * *"
description = "<script>alert(1)</script>"
command = "echo connecting to db1; printf '\"><img src=x onerror=alert(1)> {{.}} \\033[31mred \\342\\200\\256 \\377\\n'; exit 3"

[tasks.prune]
description = "remove what is old, step by step"
command = "for i in 1 2 3; do echo step $i; until [ -e go$i ]; do sleep 0.05; done; done"
dir = "."

[tasks.long]
command = "echo begun; sleep 600"

[tasks.report]
weekday = "sun"
at = "00:00"
log = "send the report"

[tasks.old]
enabled = false
command = "true"
`

// newPage starts a daemon with a page.
func newPage(t *testing.T, web string) (d *daemon, base string) {
	t.Helper()
	dir := t.TempDir()
	listen := freeAddress(t)
	private(t, filepath.Join(dir, "ops.token"), opsToken+"\n")
	private(t, filepath.Join(dir, "reader.token"), "reader-0123456789abcdef\n")
	put(t, filepath.Join(dir, "jobs.toml"), header+fmt.Sprintf(`
[web]
listen = %q
tokens = { ops = { file = "ops.token", may = "control" }, reader = { file = "reader.token", tasks = ["site"] } }
%s
`, listen, web)+pageTasks)
	d = startDaemon(t, dir, nil)
	d.msg(new(int), "started", "")
	return d, "http://" + listen
}

// ran asks for a run and waits for its end.
func (d *daemon) ran(task string) api.Run {
	d.t.Helper()
	c := d.client()
	run, err := c.Request(d.t.Context(), api.Request{Task: task}, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if run, err = c.Wait(d.t.Context(), run.ID); err != nil {
		d.t.Fatal(err)
	}
	return run
}

// TestPage looks at the page through a browser.
func TestPage(t *testing.T) {
	browser := newBrowser(t)
	d, base := newPage(t, "actions = true")
	c := d.client()
	for range 3 {
		d.ran("site")
		d.ran("backup")
	}
	failed := d.ran("sync")
	if _, err := c.Hold(t.Context(), api.Holding{Tasks: []string{"report"}, Why: "<b>not</b> now"}); err != nil {
		t.Fatal(err)
	}
	long, err := c.Request(t.Context(), api.Request{Task: "long"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	recurring, err := c.Request(t.Context(), api.Request{Task: "backup", On: "interval 3h"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ops := newTab(t, browser, base)
	ops.signIn(opsToken)

	t.Run("slots of a recurring request", func(t *testing.T) {
		b := with(t, ops)
		b.open("/tasks/backup")
		b.sees("recurring request " + strings.TrimPrefix(recurring.ID, "backup/"))
	})
	t.Run("look", func(t *testing.T) { testLook(t, ops, failed.ID, long.ID) })
	t.Run("hostile", func(t *testing.T) {
		b := with(t, ops)
		for _, path := range []string{"/", "/tasks/sync", "/runs/" + failed.ID, "/tasks/report", "/timeline", "/events", "/?q=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E", "/tasks/%3Cscript%3E", "/tasks/sync?at=%3Cscript%3Ealert(1)%3C/script%3E"} {
			b.open(path)
			b.forgive("status of 404")
			if n, err := value[int](b, `document.querySelectorAll("main img, main script, main b:not(.chip b)").length`); err != nil || n != 0 {
				t.Errorf("%s: %d elements of somebody else (%v)", path, n, err)
			}
		}
		b.open("/runs/" + failed.ID)
		b.sees(`"><img src=x onerror=alert(1)> {{.}} \x1b[31mred \u202e`)
	})
	t.Run("run and output", func(t *testing.T) {
		b := with(t, ops)
		b.open("/")
		b.until("it is live", `document.documentElement.dataset.state === "live"`)
		b.click(`[aria-label="Run prune now"]`)
		b.sees("Requested the run prune/")
		b.until("it runs", `document.querySelector("#task-prune .word.run")`)
		b.click(".done a")
		b.sees("step 1")
		b.until("it is live", `document.documentElement.dataset.state === "live"`)
		for i := range 3 {
			b.sees(fmt.Sprintf("step %d", i+1))
			put(t, filepath.Join(d.dir, fmt.Sprint("go", i+1)), "")
		}
		b.until("it is ok", `document.querySelector("#facts .word.ok")`)
		if n, _ := value[int](b, `[...document.querySelectorAll("#log div")].filter(e => e.innerText.includes("step 1")).length`); n != 1 {
			t.Errorf("step 1 is there %d times", n)
		}
	})
	t.Run("keyboard", func(t *testing.T) {
		b := with(t, ops)
		b.open("/")
		b.press(kb.Tab)
		b.until("the first is the link to the content", `document.activeElement.matches(".skip")`)
		b.focus(`[aria-label="Hold site"]`)
		b.press(kb.Enter)
		b.sees("site is held.")
		b.until("the row says so", `document.querySelector("#task-site .word.held")`)
		b.focus(`[aria-label="Release site"]`)
		b.press(kb.Enter)
		b.sees("Released site.")
		b.until("the row says so", `!document.querySelector("#task-site .word.held")`)
		b.focus(`[aria-label="Stop long"]`)
		b.press(kb.Enter)
		b.sees("Stop long?")
		b.focus(".danger")
		b.press(kb.Enter)
		b.sees("long is being stopped.")
		b.until("it does not run", `!document.querySelector("#task-long .word.run")`)
	})
	t.Run("submit", func(t *testing.T) {
		b := with(t, ops)
		b.open("/tasks/backup")
		b.write("#param-day", `<i>monday</i>`)
		b.write("#input", "two\nlines")
		b.click(`.ask .primary`)
		b.sees("Requested the run backup/")
		b.click(".done a")
		b.sees("day=<i>monday</i>")
		b.until("the input is there", `document.querySelector("dd pre").textContent === "two\nlines"`)
		b.until("it is ok", `document.querySelector("#facts .word.ok")`)
		b.click(`form[action$="again"] button`)
		b.sees("Requested the run backup/")
		b.open("/tasks/backup")
		b.click(`input[value="in"]`)
		b.write(`input[name="in"]`, "2h")
		b.click(`.ask .primary`)
		b.until("it waits", `document.querySelectorAll("#waiting tbody tr").length === 2`)
		b.click(`[aria-label^="Cancel backup/"]`)
		b.until("one waits", `document.querySelectorAll("#waiting tbody tr").length === 1`)
		b.open("/tasks/backup")
		b.click(`input[value="on"]`)
		b.write(`input[name="on"]`, "nonsense")
		b.click(`.ask .primary`)
		b.sees("The request failed")
		b.forgive("status of 400")
	})
	t.Run("filter", func(t *testing.T) {
		b := with(t, ops)
		b.open("/")
		b.write("#q", "database")
		b.press(kb.Enter)
		b.until("only those", `document.querySelectorAll(".tasks tbody tr").length === 1 && document.querySelector("#task-backup")`)
		b.click(".order a:last-of-type")
		b.until("in order", `location.search.includes("order=name") && location.search.includes("q=database")`)
		b.click(".chip.bad")
		b.until("none failed", `location.search.includes("state=failed") && location.search.includes("q=database") && document.body.innerText.includes("No task matches")`)
		b.open("/?state=failed")
		b.until("the failed one", `document.querySelectorAll(".tasks tbody tr").length === 1 && document.querySelector("#task-sync .said")`)
		b.click("#task-sync th a")
		b.until("its page", `location.pathname === "/tasks/sync"`)
		b.do("back", chromedp.NavigateBack())
		b.until("the filter is kept", `location.search === "?state=failed"`)
		b.click(`a[href$="again-failed"]`)
		b.sees("Run again 1 task that failed?")
		b.click("a.button[href='/']")
		b.until("nothing was done", `location.pathname === "/"`)
		b.open("/?state=running")
		b.until("it is live", `document.documentElement.dataset.state === "live"`)
		b.until("nothing runs", `!document.querySelector(".tasks tbody tr")`)
		b.sees("No task matches")
		run, err := c.Request(t.Context(), api.Request{Task: "long"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.until("what runs from now on is there", `document.querySelector("#rows > #task-long .word.run") && !document.body.innerText.includes("No task matches")`)
		if _, err := c.Stop(t.Context(), run.ID, true); err != nil {
			t.Fatal(err)
		}
		b.until("and is not when it has ended", `!document.querySelector("#task-long") && document.body.innerText.includes("No task matches")`)
	})
	t.Run("timeline", func(t *testing.T) {
		b := with(t, ops)
		b.open("/timeline")
		b.click(fmt.Sprintf(`.timeline a[href="/runs/%s"]`, failed.ID))
		b.until("the run", fmt.Sprintf(`location.pathname === %q`, "/runs/"+failed.ID))
	})
	t.Run("zone and pause", func(t *testing.T) {
		b := with(t, ops)
		b.open("/events")
		for _, zone := range []string{"utc", "Asia/Tokyo"} {
			if zone != "utc" {
				if _, err := chromedp.Call(b.ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone}); err != nil {
					t.Fatal(err)
				}
				b.open("/events")
			}
			b.do("choose", chromedp.SetValue(chromedp.CSS("#zone"), zone))
			want := map[string]string{"utc": "UTC", "Asia/Tokyo": "JST"}[zone]
			b.until("times are those of "+zone, fmt.Sprintf(`document.querySelector("#zone").value === %q && document.querySelector("#events time").title.endsWith(%q)`, zone, want))
		}
		b.click("[data-pause] button")
		b.until("it pauses", `document.body.dataset.paused !== undefined`)
		b.open("/")
		b.sees("paused")
		b.click("[data-pause] button")
		b.until("the stream is live", `document.documentElement.dataset.state === "live"`)
	})
	t.Run("broken file", func(t *testing.T) {
		b := with(t, ops)
		b.open("/queues")
		b.until("it is live", `document.documentElement.dataset.state === "live"`)
		path := filepath.Join(d.dir, "jobs.toml")
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		put(t, path, string(good)+"timeuot = \"4h\" # <script>\n")
		b.sees("The file has errors")
		b.sees("timeuot")
		put(t, path, string(good))
		b.until("the bar has gone", `!document.querySelector("section.alert")`)
	})
	t.Run("without script", func(t *testing.T) {
		b := newTab(t, browser, base)
		if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
		b.signIn(opsToken)
		b.click(`[aria-label="Hold site"]`)
		b.sees("site is held.")
		b.click(`[aria-label="Release site"]`)
		b.sees("Released site.")
		b.click(`[aria-label="Run site now"]`)
		b.click(".done a")
		b.sees("Why it ran")
		b.open("/ask/hold-all?back=/queues")
		b.write("#why", "a test")
		b.click(".danger")
		b.sees("All tasks are held.")
		b.open("/ask/release-all")
		b.click(".primary")
		b.sees("All tasks are released.")
		b.do("choose", chromedp.SetValue(chromedp.CSS("#zone"), "utc"))
		b.do("mark the page", chromedp.Evaluate[chromedp.Void](`document.body.dataset.before = ""`))
		b.click(".zone button")
		b.until("times are those of UTC", `document.body.dataset.before === undefined && document.readyState === "complete" && document.querySelector("#status").innerText.includes("UTC")`)
		b.click(".me button")
		b.sees("Sign in")
		b.forgive("status of 401")
	})
	t.Run("behind a proxy", func(t *testing.T) { testBehindAProxy(t, browser) })
	t.Run("sign in", func(t *testing.T) {
		b := newTab(t, browser, base)
		b.open("/tasks/site?at=now")
		b.write("#token", "reader-0123456789abcdef")
		b.press(kb.Enter)
		b.until("it leads to where one wanted to go", `location.pathname === "/tasks/site" && document.querySelector(".who")`)
		b.open("/")
		b.until("only what may be seen", `document.querySelectorAll(".tasks tbody tr").length === 1`)
		b.open("/tasks/backup")
		b.sees("Not found")
		b.open("/")
		b.click(".me button")
		b.sees("Token")
		for range 10 {
			b.write("#token", "something that is wrong")
			b.do("mark the page", chromedp.Evaluate[chromedp.Void](`document.body.dataset.before = ""`))
			b.press(kb.Enter)
			b.until("an answer", `document.body.dataset.before === undefined && document.querySelector(".alert")`)
			if yes, _ := value[bool](b, `document.body.innerText.includes("tries a minute")`); yes {
				b.forgive("status of 4")
				return
			}
		}
		t.Error("one may try for ever")
	})
}

// with is a tab of another test, whose faults are those of this one.
func with(t *testing.T, b *tab) *tab {
	was := b.t
	b.t = t
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, what := range b.said {
			t.Error(what)
		}
		b.said = nil
		b.t = was
	})
	return b
}

// testLook looks at every page: whether all can use it, whether it fits, and whether
// anything is wrong; and takes its picture.
func testLook(t *testing.T, ops *tab, failed, running string) {
	axe := os.Getenv("ROTA_AXE")
	if axe == "" {
		t.Skip("needs axe.min.js: ROTA_AXE says where it is")
	}
	script, err := os.ReadFile(axe)
	if err != nil {
		t.Fatal(err)
	}
	b := with(t, ops)
	for _, page := range []struct{ name, path string }{
		{"overview", "/"}, {"timeline", "/timeline"}, {"task", "/tasks/backup"}, {"task-failed", "/tasks/sync?at=2026-01-01"}, {"run", "/runs/" + failed}, {"running", "/runs/" + running},
		{"queues", "/queues"}, {"events", "/events"}, {"ask", "/ask/stop?name=long"}, {"none", "/tasks/none"}, {"search", "/?q=nothing"},
	} {
		b.look(page.name, page.path, string(script))
	}
	b.scheme("light")
	stranger := newTab(t, ops.browser, ops.base)
	stranger.look("login", "/", string(script))
}

// look looks at a page in both schemes, and at the width of a phone. ROTA_PICTURES is
// the directory for what it looks like.
func (b *tab) look(name, path, axe string) {
	b.t.Helper()
	b.open(path)
	b.forgive("status of 40")
	for _, look := range []struct {
		name, scheme string
		width        int64
	}{{"light", "light", 1240}, {"dark", "dark", 1240}, {"phone", "light", 390}} {
		b.size(look.width)
		b.scheme(look.scheme)
		at := name + ", " + look.name
		if wide, err := value[int](b, "document.documentElement.scrollWidth - innerWidth"); err != nil || wide > 0 {
			b.t.Errorf("%s: it is %d pixels too wide (%v)", at, wide, err)
		}
		if dir := os.Getenv("ROTA_PICTURES"); dir != "" {
			picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name+"-"+look.name+".png"), picture, 0o644)
			}
			if err != nil {
				b.t.Fatal(err)
			}
		}
		if look.name == "phone" {
			continue
		}
		found, err := value[string](b, `if (!window.axe) {`+axe+`}; axe.run({resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => ({id: v.id, nodes: v.nodes.map(n => n.html + ": " + n.failureSummary)}))))`)
		if err != nil {
			b.t.Fatal(err)
		}
		var violations []struct {
			ID    string
			Nodes []string
		}
		if err := json.Unmarshal([]byte(found), &violations); err != nil {
			b.t.Fatal(err)
		}
		for _, v := range violations {
			b.t.Errorf("%s: %s: %s", at, v.ID, strings.Join(v.Nodes[:min(3, len(v.Nodes))], "\n"))
		}
	}
	b.size(1240)
}

// testBehindAProxy tests the page as a part of another site, whose proxy sets the user.
func testBehindAProxy(t *testing.T, browser context.Context) {
	d, at := newPage(t, `actions = true
base = "/rota"
proxy = { from = "127.0.0.1", user_header = "Remote-User", may = "control" }`)
	inner, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(inner)
		r.SetXForwarded()
		r.Out.Header.Set("Remote-User", "ada")
	}})
	t.Cleanup(func() { proxy.CloseClientConnections(); proxy.Close() })
	b := newTab(t, browser, proxy.URL+"/rota")
	b.open("/")
	b.sees("user ada")
	b.until("it is live", `document.documentElement.dataset.state === "live"`)
	b.click(`[aria-label="Run site now"]`)
	b.sees("Requested the run site/")
	b.until("it is ok", `document.querySelector("#task-site .word.ok")`)
	b.click(".done a")
	b.sees("by user ada")
	for _, link := range []string{"timeline", "queues", "events"} {
		b.click(`header nav a[href$="/` + link + `"]`)
		b.until("the page "+link, fmt.Sprintf("location.pathname === %q", "/rota/"+link))
	}
	runs, err := d.client().Runs(t.Context(), api.RunQuery{Task: "site", Outcomes: []runner.Outcome{runner.OK}})
	if err != nil || len(runs) != 1 || runs[0].Who != "user ada" {
		t.Errorf("runs: %+v (%v)", runs, err)
	}
	outside, err := value[int](b, `[...document.querySelectorAll("[href], [action], [src]")].filter(e => !(e.getAttribute("href") || e.getAttribute("action") || e.getAttribute("src")).match(/^(\/rota|#)/)).length`)
	if err != nil || outside != 0 {
		t.Errorf("%d addresses do not begin with /rota (%v)", outside, err)
	}
}
