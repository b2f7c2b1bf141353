package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How long [Watch] waits after an event, so that a file is not read while it is half
// written: until there were no events for quietTime, but at most maxQuietWait.
const (
	quietTime    = 200 * time.Millisecond
	maxQuietWait = time.Second
)

// Watch calls changed after each event in one of the directories, until ctx ends; then
// it returns nil. It also calls changed at the start, for changes made before the
// directories were watched. An event does not mean that the text of a file differs.
//
// Watch watches directories, because a file is mostly replaced rather than changed: by
// an editor, by mv, or by the swap of a symbolic link. The directories above may be
// replaced, too; other events in those are ignored. Watch calls dirs, usually
// [Config.Dirs], again after each event and after each value received from again, which
// may be nil. A directory that cannot be watched, because it cannot be read or a limit
// of the system is reached, is reported to warn once and tried again after each event.
// An error means that no directory can be watched any more.
func Watch(ctx context.Context, dirs func() []string, again <-chan struct{}, changed func(), warn func(error)) error {
	w, err := fsnotify.NewWatcher()
	if errors.Is(err, syscall.EMFILE) {
		err = fmt.Errorf("%w; raise fs.inotify.max_user_instances or the limit of open files", err)
	}
	if err != nil {
		return fmt.Errorf("cannot watch files: %w", err)
	}
	defer w.Close()
	f := dirWatcher{watcher: w, dirs: dirs, warn: warn}
	return watch(ctx, watchSource{w.Events, w.Errors, again, f.concerns}, f.update, changed)
}

// watchSource holds the channels from which a watch gets its events.
type watchSource struct {
	events   <-chan fsnotify.Event
	errs     <-chan error
	again    <-chan struct{}
	concerns func(path string) bool // reports whether an event at the path matters; nil: all do
}

// watch is Watch without the file system. update brings the watched directories up to
// date and reports whether there are new ones.
func watch(ctx context.Context, from watchSource, update func() (bool, error), changed func()) error {
	for {
		for range 3 { // the file may name other directories now, and files there may have changed before they were watched
			isNew, err := update()
			if err != nil {
				return err
			}
			if !isNew {
				break
			}
			changed()
		}
		if err := waitForQuiet(ctx, from); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if _, err := update(); err != nil {
			return err
		}
		changed()
	}
}

// waitForQuiet waits for an event and then for a time without events. Errors are events
// too: the usual one means that events were lost.
func waitForQuiet(ctx context.Context, from watchSource) error {
	var still, late <-chan time.Time // nil before the first event
	for {
		ok := true
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, more := <-from.events:
			if ok = more; ok && from.concerns != nil && !from.concerns(e.Name) {
				continue
			}
		case _, ok = <-from.errs:
		case <-from.again:
		case <-still:
			return nil
		case <-late:
			return nil
		}
		if !ok {
			return errors.New("watching files has ended")
		}
		still = time.After(quietTime)
		if late == nil {
			late = time.After(maxQuietWait)
		}
	}
}

// dirWatcher keeps the set of watched directories up to date.
type dirWatcher struct {
	watcher interface {
		Add(dir string) error
		Remove(dir string) error
		WatchList() []string
	}
	dirs     func() []string
	warn     func(error)
	reported map[string]string // by directory: the reported reason why it cannot be watched

	inside map[string]bool // the directories in which every event matters
	onPath map[string]bool // those, and all above them
}

// concerns reports whether an event at a path matters: it is in one of the
// directories, or at one on the way to them.
func (f *dirWatcher) concerns(path string) bool {
	return f.inside[filepath.Dir(path)] || f.onPath[path]
}

// update brings the watched directories up to date and reports whether there are new
// ones. It adds a directory that is watched again, as it may be another one of the same
// name.
func (f *dirWatcher) update() (isNew bool, err error) {
	had, dirs := f.watcher.WatchList(), f.dirs()
	f.inside, f.onPath = map[string]bool{}, map[string]bool{}
	for _, dir := range dirs {
		f.inside[dir], f.onPath[dir] = true, true
	}
	var above []string
	for _, dir := range dirs {
		for up := filepath.Dir(dir); filepath.IsAbs(up) && !f.onPath[up]; up = filepath.Dir(up) {
			f.onPath[up] = true
			above = append(above, up)
		}
	}
	for _, dir := range above {
		_ = f.watcher.Add(dir) // it may be searchable, but not readable
	}
	for _, dir := range had {
		if !f.onPath[dir] {
			_ = f.watcher.Remove(dir) // it fails if the directory is gone, which does not matter
		}
	}
	reported, newCauses := map[string]string{}, map[string][]string{} // cause by directory, and directories by cause
	for _, dir := range dirs {
		switch err := f.watcher.Add(dir); {
		case errors.Is(err, fs.ErrNotExist): // gone again; an event of its parent reports when it is back
		case err != nil:
			cause := err.Error()
			if errors.Is(err, syscall.ENOSPC) { // its own words are about a disk
				cause = "the system's limit of watched directories is reached; raise fs.inotify.max_user_watches"
			}
			if f.reported[dir] != cause {
				newCauses[cause] = append(newCauses[cause], dir)
			}
			reported[dir] = cause
		case !slices.Contains(had, dir):
			isNew = true
		}
	}
	f.reported = reported
	if len(reported) > 0 && len(reported) == len(dirs) {
		dir := slices.Min(slices.Collect(maps.Keys(reported)))
		return false, fmt.Errorf("cannot watch %s: %s", dir, reported[dir])
	}
	for _, cause := range slices.Sorted(maps.Keys(newCauses)) {
		f.warn(fmt.Errorf("cannot watch %s: %s", firstFew(newCauses[cause], ", "), cause))
	}
	return isNew, nil
}

// Dirs returns the directories in which an event can change the content of the file
// and its includes: the directories of the files, of the symbolic links on the way to
// them, and of the paths that the patterns of include may match. For a directory that
// does not exist it returns the nearest existing one above.
func (c *Config) Dirs() []string {
	dirs := map[string]bool{}
	for _, s := range c.Sources {
		addPathDirs(s.Path, dirs)
	}
	for _, pattern := range c.Globs {
		parts := strings.Split(pattern, "/")
		for i := range parts {
			directory := "/" + filepath.Join(parts[:i]...)
			if !strings.ContainsAny(parts[i], `*?[\`) && i < len(parts)-1 {
				continue // it is passed through by name
			}
			matches, err := filepath.Glob(directory)
			if len(matches) == 0 || err != nil { // nothing there yet
				matches = []string{directory}
			}
			for _, m := range matches {
				addPathDirs(m+"/.", dirs) // the directory itself
			}
		}
	}
	return slices.Sorted(maps.Keys(dirs))
}

// addPathDirs adds the directories in which a change can make the path resolve to
// another file: each that holds a symbolic link on the way, and the last one, or the
// last one that exists. Their names have no symbolic links.
func addPathDirs(path string, dirs map[string]bool) {
	at := "/"
	rest := strings.Split(path, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		switch {
		case err == nil && info.IsDir():
			at = next
			continue
		case err != nil || info.Mode()&fs.ModeSymlink == 0:
			dirs[at] = true
			return
		}
		dirs[at] = true
		target, err := os.Readlink(next)
		if links++; err != nil || links > 40 { // as many as the kernel follows
			return
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	dirs[at] = true
}
