package main_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browserTime is how long a test waits at most for what a page should show.
const browserTime = 30 * time.Second

// newBrowser starts a browser for all tests of a test. Without one they are skipped;
// ROTA_BROWSER is another one than that of the system.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("ROTA_BROWSER")
	if path == "" {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
			if found, err := exec.LookPath(name); err == nil {
				path = found
				break
			}
		}
	}
	if path == "" {
		t.Skip("needs chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1240, 900))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return ctx
}

// tab is a tab of a browser. Errors in it fail its test at the end.
type tab struct {
	t       *testing.T
	browser context.Context
	ctx     context.Context
	base    string // the start of all addresses

	mu   sync.Mutex
	said []string // unexpected console messages and requests
}

// newTab opens a tab that shows pages of base, and nothing else.
func newTab(t *testing.T, browser context.Context, base string) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	b := &tab{t: t, browser: browser, ctx: ctx, base: base}
	host, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	console, requests := chromedp.Console(ctx), chromedp.Events(ctx, network.RequestWillBeSent)
	var wg sync.WaitGroup
	wg.Go(func() {
		for m, err := range console {
			if err != nil {
				return
			}
			b.note(fmt.Sprintf("console: %s: %s", m.Type, m.Text))
		}
	})
	wg.Go(func() {
		for r, err := range requests {
			if err != nil {
				return
			}
			if at, err := url.Parse(r.Request.URL); err != nil || at.Host != host.Host {
				b.note("it asks for " + r.Request.URL)
			}
		}
	})
	t.Cleanup(func() {
		if t.Failed() {
			if picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
				at := filepath.Join(os.TempDir(), "rota-"+strings.ReplaceAll(t.Name(), "/", "-")+".png")
				if os.WriteFile(at, picture, 0o644) == nil {
					t.Logf("the page as it was: %s", at)
				}
			}
		}
		end()
		wg.Wait()
		for _, what := range b.said {
			t.Error(what)
		}
	})
	b.size(1240)
	return b
}

func (b *tab) note(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, what)
}

// forgive forgets what was said that was to be expected.
func (b *tab) forgive(part string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var left []string
	for _, what := range b.said {
		if !strings.Contains(what, part) {
			left = append(left, what)
		}
	}
	b.said = left
}

// do does something to a page. The page may put a new element in the place of one that was
// found just before: then nothing was done yet.
func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.again("Could not find node with given id", what, actions...)
}

// again does something until it succeeds, as long as it fails with an error that passes.
func (b *tab) again(passes, what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserTime)
	defer cancel()
	for {
		err := chromedp.Do(ctx, actions...)
		switch {
		case err == nil:
			return
		case ctx.Err() != nil || !strings.Contains(err.Error(), passes):
			b.t.Fatalf("%s: %v", what, err)
		}
	}
}

func (b *tab) size(width int64) { b.do("size", chromedp.EmulateViewport(width, 900)) }

// scheme sets whether the page is to be dark.
func (b *tab) scheme(name string) {
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}}); err != nil {
		b.t.Fatal(err)
	}
}

// open opens a page. Requests of the previous page may fail meanwhile.
func (b *tab) open(path string) {
	b.t.Helper()
	b.again("net::ERR_ABORTED", "open "+path, chromedp.Navigate(b.base+path))
}

// click clicks at an element.
func (b *tab) click(css string) {
	b.t.Helper()
	b.do("click "+css, chromedp.Click(chromedp.CSS(css)))
}

// press presses keys where the focus is.
func (b *tab) press(keys string) {
	b.t.Helper()
	b.do("press", chromedp.KeyEvent(keys))
}

// write writes into a field.
func (b *tab) write(css, text string) {
	b.t.Helper()
	b.do("write into "+css, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).value = ''", css)), chromedp.SendKeys(chromedp.CSS(css), text))
}

// value evaluates an expression.
func value[T any](b *tab, js string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, browserTime)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
}

// until waits until an expression is true.
func (b *tab) until(what, js string) {
	b.t.Helper()
	late := time.After(browserTime)
	for {
		yes, err := value[bool](b, `document.readyState === "complete" && !!(`+js+")")
		if err == nil && yes {
			return
		}
		select {
		case <-late:
			text, _ := value[string](b, "document.body.innerText")
			b.t.Fatalf("not in time: %s (%v)\n%s", what, err, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sees waits until a page says something.
func (b *tab) sees(text string) {
	b.t.Helper()
	b.until("the page says "+text, fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// focus presses the tab key until an element has the focus.
func (b *tab) focus(css string) {
	b.t.Helper()
	for range 300 {
		if yes, _ := value[bool](b, fmt.Sprintf("document.activeElement.matches(%q)", css)); yes {
			return
		}
		b.press(kb.Tab)
	}
	b.t.Fatalf("the tab key does not lead to %s", css)
}

// signIn signs in by the form.
func (b *tab) signIn(token string) {
	b.t.Helper()
	b.open("/")
	b.forgive("401")
	b.write("#token", token)
	b.click("form button")
	b.until("somebody is signed in", "document.querySelector('.who')")
}
