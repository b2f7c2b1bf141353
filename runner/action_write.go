package runner

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"rota/internal/escape"
)

// templateFileMax bounds in bytes the text of a template file.
const templateFileMax = 1 << 20

// Write is the action that makes a file from a template. A reader of the file sees the
// old text or the new one, never a part: it is written beside the
// file, synced and renamed, so that the file belongs to rota's user afterwards.
//
// If Path is a symbolic link, the file that it leads to is replaced and the link
// stays. A link that others can change, by itself or by a directory on the way,
// is not followed.
type Write struct {
	Path         string // absolute; its directory has to exist
	Text         string // a template; this or TemplateFile
	TemplateFile string // absolute; at most 1 MiB, read at each run
	Mode         uint32 // permissions up to 0777, not subject to the umask; 0 is 0644. Append sets them on a new file only
	IfChanged    bool   // do not replace a file that has this text and these permissions
	Append       bool   // add the text to the file with one write, and sync
}

// Check returns what is wrong with the values.
func (a *Write) Check() []Problem {
	var p problems
	checkPath(&p, "path", a.Path, true)
	checkPath(&p, "template_file", a.TemplateFile, false)
	switch {
	case a.Text == "" && a.TemplateFile == "":
		p.add("", "write needs text or template_file", `add text = "…"`)
	case a.Text != "" && a.TemplateFile != "":
		p.add("template_file", "write has both text and template_file", "keep one of them")
	}
	if a.Mode > 0o777 {
		p.add("mode", fmt.Sprintf("mode %#o is out of range", a.Mode), `permissions only, up to "0777"`)
	}
	if a.Append && a.IfChanged {
		p.add("if_changed", "if_changed has no meaning with append", "keep one of them")
	}
	return append(p, checkTemplate("text", a.Text)...)
}

// checkPath checks the path of a file; the empty one is a problem if it is needed.
func checkPath(p *problems, key, path string, needed bool) {
	switch {
	case path == "" && needed:
		p.add(key, key+" is needed", "")
	case strings.Contains(path, "{{"):
		p.add(key, key+" cannot be a template", `write it without "{{"`)
	case strings.HasSuffix(path, "/"):
		p.add(key, key+" names a directory", "give the name of a file")
	}
}

// Run renders the text and writes it.
func (a *Write) Run(ctx context.Context, in Input, out io.Writer) error {
	name, source := "text", a.Text
	if a.TemplateFile != "" {
		text, err := readTemplate(a.TemplateFile)
		if err != nil {
			return err
		}
		name, source = "template_file", text
	}
	text, err := render(ctx, name, source, in)
	if err != nil {
		return err
	}
	at, err := openTarget(a.Path)
	if err != nil {
		return err
	}
	defer at.close()
	mode := fs.FileMode(a.Mode)
	if mode == 0 {
		mode = 0o644
	}
	switch {
	case a.Append:
		if err := at.append(text, mode); err != nil {
			return err
		}
		fmt.Fprintf(out, "appended %d bytes to %s\n", len(text), at.shown)
	case a.IfChanged && at.hasContent(text, mode):
		fmt.Fprintf(out, "%s is unchanged\n", at.shown)
	default:
		if err := at.replace(text, mode); err != nil {
			return err
		}
		fmt.Fprintf(out, "wrote %s, %d bytes\n", at.shown, len(text))
	}
	return nil
}

func readTemplate(path string) (string, error) {
	f, _, err := openRead(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, templateFileMax+1))
	if err != nil {
		return "", err
	}
	if len(text) > templateFileMax {
		return "", fmt.Errorf("%s is larger than %d MiB", escape.Name(path), templateFileMax>>20)
	}
	return string(text), nil
}

// files returns the paths of the files that the action reads or writes.
func (a *Write) files() []string { return []string{a.Path, a.TemplateFile} }
