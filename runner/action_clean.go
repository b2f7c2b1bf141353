package runner

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rota/internal/escape"
)

// cleanRefused are directories that are never cleaned, under whatever name.
var cleanRefused = []string{"/", "/home", "/etc", "/usr", "/var"}

// Clean is the action that removes old files from a directory. It removes regular
// files only: directories, also empty ones, symbolic links, devices and sockets
// stay. Path itself may be a symbolic link to a directory, and lead over others, unless
// other users can change them; below it none is followed, and nothing outside
// is touched even if the directories are changed meanwhile. After an error it
// continues with the next file.
//
// As root, below a path that belongs to another user, it enters only directories of
// that user and of root: those of other users were moved there, and that user may not
// remove what is in them.
type Clean struct {
	Path      string        // absolute
	Match     []string      // patterns of file names as of [filepath.Match], one is enough; none is "*", which also matches ".name"
	OlderThan time.Duration // since the last change of the content
	Recursive bool          // also in the directories below
	Keep      int           // in each directory at least this many stay of those that match, the newest
	Dry       bool          // only print what would be removed
}

// Check returns what is wrong with the values.
func (a *Clean) Check() []Problem {
	var p problems
	switch {
	case a.Path == "":
		p.add("path", "path is needed", "")
	case strings.Contains(a.Path, "{{"):
		p.add("path", "path cannot be a template", `write it without "{{"`)
	case slices.Contains(cleanRefused, filepath.Clean(a.Path)):
		p.add("path", fmt.Sprintf("%s is never cleaned", filepath.Clean(a.Path)), "name a directory below it")
	}
	for _, pattern := range a.Match {
		if _, err := filepath.Match(pattern, ""); err != nil || pattern == "" {
			p.add("match", fmt.Sprintf("%q is not a pattern", pattern), `such as "*.log", "[a-c]?.tmp"`)
		} else if strings.Contains(pattern, "/") {
			p.add("match", fmt.Sprintf("pattern %q has a slash", pattern), "a pattern is matched against file names; name the directory in path")
		}
	}
	if a.OlderThan <= 0 {
		p.add("older_than", "older_than is needed", `such as older_than = "30d"`)
	}
	if a.Keep < 0 {
		p.add("keep", fmt.Sprintf("keep %d is less than 0", a.Keep), "")
	}
	return p
}

// Run removes the files and writes their names and total to out.
func (a *Clean) Run(ctx context.Context, _ Input, out io.Writer) error {
	if !filepath.IsAbs(a.Path) {
		return fmt.Errorf("path %s is not absolute", escape.Name(a.Path))
	}
	root, err := openDir(a.Path)
	if err != nil {
		return err
	}
	defer root.Close()
	// The directory that is open is compared, not its name: links and bind
	// mounts give a directory many.
	opened, err := root.Stat(".")
	if err != nil {
		return err
	}
	for _, path := range cleanRefused {
		if info, err := os.Stat(path); err == nil && os.SameFile(info, opened) {
			return fmt.Errorf("%s is %s, which is never cleaned", escape.Name(a.Path), path)
		}
	}
	s := cleaner{Clean: a, ctx: ctx, out: out, before: time.Now().Add(-a.OlderThan), owner: ownerOf(opened)}
	s.directory(root, "", 0)
	return s.end()
}

// ownerOf is the user that a file or directory belongs to.
func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// openDir opens a directory; links on the way are followed if no other user can change
// them.
func openDir(path string) (*os.Root, error) {
	w, err := followPath(path)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	dir, err := w.Open(unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", dir.Fd())) // the directory that is open, wherever it is now
}

// files returns the paths of the files that the action reads or writes.
func (a *Clean) files() []string { return []string{a.Path} }
