package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"

	"rota/internal/escape"
)

// templateFileMax bounds in bytes the text of a template file.
const templateFileMax = 1 << 20

// Write is the action that makes a file from a template. Who reads the file
// finds the old text or the new one, never a part: it is written beside the
// file, synced and renamed, so that the file belongs to rota's user afterwards.
//
// If Path is a symbolic link, the file that it leads to is replaced and the
// link stays; a link that belongs to neither root nor rota's user is refused.
type Write struct {
	Path         string // absolute; its folder has to exist
	Text         string // a template; this or TemplateFile
	TemplateFile string // absolute; at most 1 MiB, read at each run
	Mode         uint32 // permissions up to 0777, not subject to the umask; 0 is 0644. Append sets them on a new file only
	IfChanged    bool   // leave a file alone that has this text and these permissions
	Append       bool   // add the text to the file with one write, and sync
}

// Check tells what is wrong with the values.
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

// checkPath complains about the name of a file. The empty one is complained
// about if it is needed.
func checkPath(p *problems, key, path string, needed bool) {
	switch {
	case path == "" && needed:
		p.add(key, key+" is needed", "")
	case strings.Contains(path, "{{"):
		p.add(key, key+" is no template", `write it without "{{"`)
	case strings.HasSuffix(path, "/"):
		p.add(key, key+" names a folder", "give the name of a file")
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
	path, err := destination(a.Path)
	if err != nil {
		return err
	}
	mode := fs.FileMode(a.Mode)
	if mode == 0 {
		mode = 0o644
	}
	switch {
	case a.Append:
		if err := appendText(path, text, mode); err != nil {
			return err
		}
		fmt.Fprintf(out, "appended %d bytes to %s\n", len(text), escape.Name(a.Path))
	case a.IfChanged && isFile(path, text, mode):
		fmt.Fprintf(out, "%s is unchanged\n", escape.Name(a.Path))
	default:
		if err := replaceFile(path, text, mode); err != nil {
			return err
		}
		fmt.Fprintf(out, "wrote %s, %d bytes\n", escape.Name(a.Path), len(text))
	}
	return nil
}

func readTemplate(path string) (string, error) {
	f, _, err := openRegular(path)
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

// openRegular opens a file to read. A FIFO or a device is an error at once,
// where os.Open might wait for ever.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", escape.Name(path))
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// destination follows the symbolic links at the end of path to the place
// where a file may be written: nothing is there, or a regular file. Links of
// other users are refused, because in a folder like /tmp anybody can make one;
// the kernel guards only links that it follows itself.
func destination(path string) (string, error) {
	for range 40 { // as many as the kernel follows
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			dir, _ := filepath.Split(path)
			if _, err := os.Stat(dir); err != nil {
				return "", fmt.Errorf("folder of %s: %w; make it first", escape.Name(path), err)
			}
			return path, nil
		case err != nil:
			return "", err
		case info.Mode().IsRegular():
			return path, nil
		case info.Mode()&fs.ModeSymlink == 0:
			return "", fmt.Errorf("%s is no regular file and stays as it is", escape.Name(path))
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 && int(owner) != os.Geteuid() {
			return "", fmt.Errorf("%s is a symbolic link of another user (uid %d) and is not followed", escape.Name(path), owner)
		}
		link, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(link) {
			// Not filepath.Join: it would take ".." for the parent by name,
			// which is another folder if a folder in between is a link.
			dir, _ := filepath.Split(path)
			link = dir + link
		}
		path = link
	}
	return "", fmt.Errorf("%s: too many symbolic links", escape.Name(path))
}

// isFile reports whether path is a file with just this text and mode.
func isFile(path, text string, mode fs.FileMode) bool {
	f, info, err := openRegular(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if info.Size() != int64(len(text)) || info.Mode() != mode {
		return false
	}
	have, err := io.ReadAll(io.LimitReader(f, info.Size()+1))
	return err == nil && bytes.Equal(have, []byte(text))
}

func replaceFile(path, text string, mode fs.FileMode) error {
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(mode))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

func appendText(path, text string, mode fs.FileMode) error {
	const flags = os.O_WRONLY | os.O_APPEND | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	f, err := os.OpenFile(path, flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, mode)
		if err == nil {
			err = f.Chmod(mode) // against the umask
		}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}
