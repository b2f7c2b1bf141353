package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file of another format is converted to TOML: errors and warnings are reported
// at the lines of the file, and the text of the file is saved for a later start.
func TestConvert(t *testing.T) {
	convert := func(text string) (string, []int, *Fault) {
		if strings.HasPrefix(text, "!") {
			return "", nil, &Fault{Line: 1, Col: 1, Width: 1, Text: text, Msg: "begins badly"}
		}
		toml, lines := "[tasks]\n", []int{0}
		for i, line := range strings.Split(text, "\n") {
			if line != "" {
				toml, lines = toml+line+"\n", append(lines, i+1)
			}
		}
		return toml, lines, nil
	}
	path := filepath.Join(t.TempDir(), "given")
	load := func(text string) (*Config, error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Load(path, Options{TrustFile: true, Convert: convert})
	}
	for _, c := range []struct{ text, want string }{
		{"\n\na = { at = \"25:00\", command = \"x\" }\n", ":3:1: "},
		{"\n\n[\n", ":3:1: "},
		{"!", ":1:1: begins badly"},
	} {
		_, err := load(c.text)
		if e := (*Errors)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
	const text = "\n\na = { cron = \"* 3 * * *\", command = \"x\" }\n"
	cfg, err := load(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Warnings) != 1 || cfg.Warnings[0].Line != 3 || cfg.Warnings[0].Text != strings.TrimSpace(text) {
		t.Errorf("warnings %+v", cfg.Warnings)
	}
	if cfg.Sources[0].Text != text {
		t.Errorf("the source is %q", cfg.Sources[0].Text)
	}
	dir := filepath.Join(t.TempDir(), "saved")
	if err := cfg.Save(dir, Options{TrustFile: true}); err != nil {
		t.Fatal(err)
	}
	saved, err := LoadSaved(dir, Options{TrustFile: true, Convert: convert})
	if err != nil || saved.Revision != cfg.Revision || len(saved.Tasks) != 1 {
		t.Errorf("saved: %+v, %v", saved, err)
	}
}
