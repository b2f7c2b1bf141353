package manual

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"rota/config"
)

// The page has all tables and keys, and nothing that a formatter stumbles over.
func TestPage(t *testing.T) {
	page := JobsTOML()
	macros := regexp.MustCompile(`^\.(TH JOBS\.TOML 5 "" rota "File formats"|SH ".*"|SS ".*"|nh|ad l|PP|TP|RS 4|nf|fi|RE|BR [a-z]+ \([15]\),?)$`)
	for i, line := range strings.Split(strings.TrimSuffix(page, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, ".") && !macros.MatchString(line), strings.HasPrefix(line, "'"):
			t.Errorf("line %d is no macro: %s", i+1, line)
		case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }):
			t.Errorf("line %d has more than ASCII: %q", i+1, line)
		case strings.Contains(line, "-") && !strings.Contains(line, `\-`):
			t.Errorf("line %d has a hyphen that is none to type: %s", i+1, line)
		}
	}
	for _, table := range config.Tables() {
		if table.Name != "" && !strings.Contains(page, ".SH \"["+table.Name+"]\"\n") {
			t.Errorf("there is no section [%s]", table.Name)
		}
		for key := range table.Keys() {
			if table.Name != "" && !strings.Contains(page, ".TP\n\\fB"+key.Name+"\\fR") {
				t.Errorf("[%s]: there is no %s", table.Name, key.Name)
			}
		}
	}
}

// The formatter has no complaint.
func TestPageFormats(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("needs groff")
	}
	cmd := exec.Command(groff, "-man", "-ww", "-z", "-Tascii")
	cmd.Stdin = strings.NewReader(JobsTOML())
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil || said.Len() > 0 {
		t.Errorf("%v\n%s", err, said.String())
	}
}

// The example on the page is a file that rota takes.
func TestPageExample(t *testing.T) {
	c, err := config.Parse("/etc/rota/jobs.toml", example, config.Options{})
	if err != nil || len(c.Warnings) > 0 || len(c.Tasks) != 1 {
		t.Error(err, c)
	}
}
