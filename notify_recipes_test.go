package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"
)

// Of each service, what it documents of a request: the documented members that the
// recipes use, without which the answer is 400, and its limits.
type (
	ntfyMessage struct {
		Topic, Title, Message, Click string
		Priority                     int
		Tags                         []string
	}
	gotifyMessage struct {
		Title, Message string
		Priority       int
		Extras         map[string]struct{ Click struct{ URL string } }
	}
	slackText struct {
		Type, Text string
		Emoji      *bool
	}
	slackMessage struct {
		Text   string
		Blocks []struct {
			Type     string
			Text     slackText
			Elements []struct {
				Type     string
				Elements []slackText
				Text     slackText
				URL      string
			}
		}
	}
	discordMessage struct {
		Username string
		Mentions struct{ Parse []string } `json:"allowed_mentions"`
		Embeds   []struct {
			Title, Description, URL string
			Timestamp               time.Time
			Color                   int
		}
	}
	telegramMessage struct {
		Chat    string `json:"chat_id"`
		Text    string
		Preview struct {
			Disabled bool `json:"is_disabled"`
		} `json:"link_preview_options"`
		Silent bool `json:"disable_notification"`
	}
	teamsMessage struct {
		Type        string
		Attachments []struct {
			ContentType string
			ContentURL  *string
			Content     struct {
				Schema        string `json:"$schema"`
				Type, Version string
				Body          []struct {
					Type    string
					Inlines []struct{ Type, Text, Weight, FontType string }
				}
				Actions []struct{ Type, Title, URL string }
			}
		}
	}
	matrixMessage struct {
		Type     string `json:"msgtype"`
		Mentions *struct {
			Room  bool
			Users []string `json:"user_ids"`
		} `json:"m.mentions"`
		Body string
	}
	appriseMessage struct{ Title, Body, Format, Tag, Type string }
	lokiPush       struct {
		Streams []struct {
			Stream map[string]string
			Values [][]string
		}
	}
	pagerdutyEvent struct {
		Key     string `json:"routing_key"`
		Action  string `json:"event_action"`
		Dedup   string `json:"dedup_key"`
		Payload struct {
			Summary, Source, Component, Severity string
			Timestamp                            time.Time
			Details                              struct{ Run, Why, Output string } `json:"custom_details"`
		}
		Client    string
		ClientURL string `json:"client_url"`
	}
)

// told is the part of a message that people see.
type told struct {
	title, text, link string
	good              bool   // it says that something is well
	id                string // by which the service distinguishes messages; "": it does not
}

// services read a request as each service does. They say what is wrong with it.
var services = map[string]struct {
	request string // method and address, a regular expression
	header  string // that it needs besides, with the beginning of its value
	read    func(body []byte) (told, error)
}{
	"ntfy": {`POST /`, "Authorization: Bearer tk_", func(body []byte) (told, error) {
		m, err := strict[ntfyMessage](body)
		return told{m.Title, m.Message, m.Click, m.Priority == 3 && slices.Equal(m.Tags, []string{"white_check_mark"}), ""},
			first(err, m.Topic != "" && m.Priority >= 1 && m.Priority <= 5 && len(m.Tags) == 1)
	}},
	"gotify": {`POST /message`, "X-Gotify-Key: A", func(body []byte) (told, error) {
		m, err := strict[gotifyMessage](body)
		return told{m.Title, m.Message, m.Extras["client::notification"].Click.URL, m.Priority < 4, ""}, first(err, m.Message != "" && m.Priority <= 10)
	}},
	"slack": {`POST /services/T\w+/B\w+/\w+`, "", func(body []byte) (told, error) {
		m, err := strict[slackMessage](body)
		seen := told{good: strings.HasPrefix(m.Text, "recover: ")}
		ok := m.Text != "" && !strings.ContainsAny(m.Text, "<>&") && len(m.Blocks) > 0
		for _, b := range m.Blocks {
			switch {
			case b.Type == "section" && b.Text.Type == "plain_text" && b.Text.Emoji != nil && !*b.Text.Emoji:
				seen.title = b.Text.Text
				ok = ok && len(seen.title) > 0 && len([]rune(seen.title)) <= 3000
			case b.Type == "rich_text" && len(b.Elements) == 1 && b.Elements[0].Type == "rich_text_preformatted" && len(b.Elements[0].Elements) == 1 && b.Elements[0].Elements[0].Type == "text":
				seen.text = b.Elements[0].Elements[0].Text
				ok = ok && seen.text != ""
			case b.Type == "actions" && len(b.Elements) == 1 && b.Elements[0].Type == "button" && b.Elements[0].Text.Type == "plain_text" && b.Elements[0].Text.Text != "":
				seen.link = b.Elements[0].URL
			default:
				ok = false
			}
		}
		return seen, first(err, ok)
	}},
	"discord": {`POST /api/webhooks/\d+/\w+`, "", func(body []byte) (told, error) {
		m, err := strict[discordMessage](body)
		if len(m.Embeds) != 1 || m.Mentions.Parse == nil || len(m.Mentions.Parse) > 0 || m.Username == "" {
			return told{}, first(err, false)
		}
		e := m.Embeds[0]
		return told{e.Title, e.Description, e.URL, e.Color == 0x2ecc71, ""},
			first(err, e.Title != "" && len([]rune(e.Title)) <= 256 && len([]rune(e.Description)) <= 4096 && !e.Timestamp.IsZero() && e.Color <= 0xffffff)
	}},
	"telegram": {`POST /bot\d+:\w+/sendMessage`, "", func(body []byte) (told, error) {
		m, err := strict[telegramMessage](body)
		title, text, _ := strings.Cut(m.Text, "\n")
		link, text, _ := strings.Cut(text, "\n")
		return told{title, text, link, m.Silent, ""}, first(err, m.Chat != "" && m.Text != "" && len(utf16.Encode([]rune(m.Text))) <= 4096 && m.Preview.Disabled)
	}},
	"teams": {`POST /workflows/\w+/triggers/manual/paths/invoke\?api-version=2016-06-01&sp=[\w%]+&sv=1.0&sig=\w+`, "", func(body []byte) (told, error) {
		m, err := strict[teamsMessage](body)
		if m.Type != "message" || len(m.Attachments) != 1 {
			return told{}, first(err, false)
		}
		card := m.Attachments[0].Content
		ok := m.Attachments[0].ContentType == "application/vnd.microsoft.card.adaptive" && card.Type == "AdaptiveCard" && card.Version != "" && len(body) < 28<<10
		var texts []string
		for _, b := range card.Body {
			ok = ok && b.Type == "RichTextBlock" && len(b.Inlines) == 1 && b.Inlines[0].Type == "TextRun" // a TextBlock would read Markdown
			texts = append(texts, b.Inlines[0].Text)
		}
		seen := told{title: texts[0], text: strings.Join(texts[1:], "")}
		for _, a := range card.Actions {
			ok = ok && a.Type == "Action.OpenUrl" && a.Title != ""
			seen.link = a.URL
		}
		seen.good = strings.Contains(seen.title, "ok again")
		return seen, first(err, ok)
	}},
	"matrix": {`PUT /_matrix/client/v3/rooms/%21\w+%3Aexample\.org/send/m\.room\.message/[^/?]+`, "Authorization: Bearer syt_", func(body []byte) (told, error) {
		m, err := strict[matrixMessage](body)
		title, text, _ := strings.Cut(m.Body, "\n")
		link, text, _ := strings.Cut(text, "\n")
		return told{title, text, link, strings.Contains(title, "ok again"), ""}, first(err, m.Type == "m.notice" && m.Mentions != nil && !m.Mentions.Room && len(m.Mentions.Users) == 0)
	}},
	"apprise": {`POST /notify/\w+`, "", func(body []byte) (told, error) {
		m, err := strict[appriseMessage](body)
		return told{m.Title, m.Body, "", m.Type == "success", ""}, first(err, m.Body != "" && m.Format == "text" && slices.Contains([]string{"info", "success", "warning", "failure"}, m.Type))
	}},
	"loki": {`POST /loki/api/v1/push`, "X-Scope-Orgid: ", func(body []byte) (told, error) {
		m, err := strict[lokiPush](body)
		if len(m.Streams) != 1 || len(m.Streams[0].Values) != 1 || len(m.Streams[0].Values[0]) != 2 {
			return told{}, first(err, false)
		}
		s := m.Streams[0]
		_, number := strconv.ParseInt(s.Values[0][0], 10, 64)
		title, text, _ := strings.Cut(s.Values[0][1], "\n")
		link, text, _ := strings.Cut(text, "\n")
		return told{title, text, link, s.Stream["event"] == "recover", ""}, first(err, number == nil && len(s.Values[0][0]) == 19 && s.Stream["job"] == "rota")
	}},
	"pagerduty": {`POST /v2/enqueue`, "", func(body []byte) (told, error) {
		m, err := strict[pagerdutyEvent](body)
		p := m.Payload
		return told{p.Summary, p.Details.Output, m.ClientURL, m.Action == "resolve", m.Dedup},
			first(err, len(m.Key) == 32 && slices.Contains([]string{"trigger", "resolve"}, m.Action) && m.Dedup != "" && len(m.Dedup) <= 255 && m.Client != "" &&
				p.Summary != "" && len([]rune(p.Summary)) <= 1024 && p.Source != "" && slices.Contains([]string{"critical", "error", "warning", "info"}, p.Severity) && !p.Timestamp.IsZero())
	}},
}

// strict reads a document that has no other members than T, in the letters of T.
func strict[T any](body []byte) (v T, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err = d.Decode(&v); err == nil && d.More() {
		err = fmt.Errorf("more follows")
	}
	return v, err
}

// first is err, or that a document is not as it should be.
func first(err error, ok bool) error {
	if err == nil && !ok {
		return fmt.Errorf("not as documented")
	}
	return err
}

// Each target of docs/notify.toml sends what its service reads, of a failure with output
// that would be more than text if it could, of the recovery, and of a test.
func TestNotifyRecipes(t *testing.T) {
	t.Parallel()
	recipes := read(t, "docs/notify.toml")
	e := newEar(t)
	names := regexp.MustCompile(`(?m)^\[notify\.(\w+)\.webhook\]$`).FindAllStringSubmatch(recipes, -1)
	if len(names) != len(services) {
		t.Fatalf("%d recipes for %d services", len(names), len(services))
	}
	var all []string
	for _, m := range names {
		all = append(all, m[1])
	}
	// The host of each is this machine; all targets are notified.
	_, targets, _ := strings.Cut(recipes, "\n# ntfy")
	targets = regexp.MustCompile(`(?m)^url = "https://[a-z0-9.-]+/`).ReplaceAllString(targets, `url = "`+e.URL+`/`)
	who, _ := json.Marshal(all)
	dir := t.TempDir()
	hostile := "\"},{\" \\ {{.Nosuch}} <!channel> <https://evil.example|x> @everyone @room ``` [a](javascript:b) &amp; \033[2J\u202e \u2028 \xff 🐂</script>"
	put(t, filepath.Join(dir, "text"), strings.Repeat("long before\n", 400)+hostile+"\n")
	put(t, filepath.Join(dir, "codes"), strings.Repeat("\033", 4000)) // which become longer as text
	put(t, filepath.Join(dir, "jobs.toml"), header+fmt.Sprintf("[web]\nurl = \"https://rota.example.org\"\n[tasks.bad]\ncommand = \"cat text; test -e mended\"\non_failure = %s\non_recover = %[1]s\n[tasks.loud]\ncommand = \"cat codes; exit 1\"\non_failure = %[1]s\n", who)+"# ntfy"+targets)
	d := startDaemon(t, dir, nil)
	d.msg(new(int), "started", "")

	// hear returns the message as each service understood it, by name.
	hear := func(what string) map[string]told {
		t.Helper()
		got := map[string]told{}
		for _, h := range e.until(what, func(all []heard) bool { return len(all) == len(services) }) {
			found := false
			for name, s := range services {
				if !regexp.MustCompile("^" + s.request + "$").MatchString(h.what) {
					continue
				}
				found = true
				seen, err := s.read([]byte(h.body))
				if err != nil {
					t.Errorf("%s, %s: %v: %s", what, name, err, h.body)
				}
				if kind := h.header.Get("Content-Type"); kind != "application/json" {
					t.Errorf("%s, %s: Content-Type: %s", what, name, kind)
				}
				if key, value, ok := strings.Cut(s.header, ": "); ok && !strings.HasPrefix(h.header.Get(key), value) {
					t.Errorf("%s, %s: %s: %s", what, name, key, h.header.Get(key))
				}
				if name == "matrix" {
					seen.id = h.what
				}
				got[name] = seen
			}
			if !found {
				t.Errorf("%s: nobody takes %s", what, h.what)
			}
		}
		e.forget()
		return got
	}

	for _, name := range all {
		if code, _, stderr := d.rota("notify", "test", name); code != 0 {
			t.Fatalf("notify test %s: %d %s", name, code, stderr)
		}
	}
	tests := hear("a test")
	d.run("bad")
	failures := hear("a failure")
	d.run("loud")
	hear("a failure with more output than there is room for")
	put(t, filepath.Join(dir, "mended"), "")
	d.run("bad")
	recoveries := hear("a recovery")

	literal := `"},{" \ {{.Nosuch}} <!channel> <https://evil.example|x> @everyone @room ` + "``` [a](javascript:b) &amp; "
	for _, name := range all {
		if got := tests[name]; !strings.Contains(got.title, "a test") {
			t.Errorf("%s, a test: %+v", name, got)
		}
		got := failures[name]
		if !strings.Contains(got.title, ": bad failed (exit 1)") || got.good {
			t.Errorf("%s, a failure: title %q, good news %v", name, got.title, got.good)
		}
		if !strings.Contains(got.text, literal) || strings.ContainsAny(got.text, "\033\u202e") {
			t.Errorf("%s, a failure: text %q", name, got.text)
		}
		if name != "apprise" && !strings.HasPrefix(got.link, "https://rota.example.org/runs/bad/") {
			t.Errorf("%s, a failure: link %q", name, got.link)
		}
		if got := recoveries[name]; !strings.Contains(got.title, ": bad is ok again") || !got.good {
			t.Errorf("%s, a recovery: title %q, good news %v", name, got.title, got.good)
		}
	}
	if a, b := failures["pagerduty"].id, recoveries["pagerduty"].id; a != b || a == tests["pagerduty"].id {
		t.Errorf("pagerduty: %s is to be closed by %s", a, b)
	}
	if a, b := failures["matrix"].id, recoveries["matrix"].id; a == b || a == tests["matrix"].id {
		t.Errorf("matrix: %s is sent twice", a)
	}
	if code := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
