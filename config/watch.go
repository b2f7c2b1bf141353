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

// How long [Watch] waits after an event, so that a file is not read while it is
// half written: until nothing has happened for quiet, but not beyond patience.
const (
	quiet    = 200 * time.Millisecond
	patience = time.Second
)

// Watch calls changed after anything has happened in one of the directories, until
// ctx ends; then it returns nil. It also calls it once at the start, for what happened before the directories
// were watched. That something happened does not mean that a text differs.
//
// It is the directories that are watched, because a file is mostly replaced rather
// than changed: by an editor, by mv, or by the swap of a symbolic link. Any directory
// above them may be replaced, too; of what happens there only that counts. dirs is
// asked again after each event, and after something was sent to again, which may be
// nil; [Config.Dirs] is what to give it. A directory that
// cannot be watched, as when it cannot be read or a limit of the system is
// reached, is passed to warn once and tried again after each event. An error means
// that nothing can be watched any more.
func Watch(ctx context.Context, dirs func() []string, again <-chan struct{}, changed func(), warn func(error)) error {
	w, err := fsnotify.NewWatcher()
	if errors.Is(err, syscall.EMFILE) {
		err = fmt.Errorf("%w; raise fs.inotify.max_user_instances or the limit of open files", err)
	}
	if err != nil {
		return fmt.Errorf("cannot watch files: %w", err)
	}
	defer w.Close()
	f := follower{watcher: w, dirs: dirs, warn: warn}
	return watch(ctx, watchSource{w.Events, w.Errors, again, f.concerns}, f.follow, changed)
}

// watchSource is where a watch hears that something happened.
type watchSource struct {
	events   <-chan fsnotify.Event
	errs     <-chan error
	again    <-chan struct{}
	concerns func(path string) bool // tells which events matter; nil: all do
}

// watch is Watch apart from the file system. follow brings the watched directories
// up to date and reports whether there are new ones.
func watch(ctx context.Context, from watchSource, follow func() (bool, error), changed func()) error {
	for {
		for range 3 { // the file may name other directories now, and something may have happened there before they were watched
			isNew, err := follow()
			if err != nil {
				return err
			}
			if !isNew {
				break
			}
			changed()
		}
		if err := settled(ctx, from); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if _, err := follow(); err != nil {
			return err
		}
		changed()
	}
}

// settled waits for an event and then for quiet. Errors are events too: the
// usual one says that events were lost.
func settled(ctx context.Context, from watchSource) error {
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
		still = time.After(quiet)
		if late == nil {
			late = time.After(patience)
		}
	}
}

// follower has just the directories watched that are to be.
type follower struct {
	watcher interface {
		Add(dir string) error
		Remove(dir string) error
		WatchList() []string
	}
	dirs     func() []string
	warn     func(error)
	reported map[string]string // what was said of a directory that cannot be watched

	inside map[string]bool // the directories in which all matters
	onWay  map[string]bool // these, and all above them
}

// concerns reports whether an event at a path matters: it is in one of the
// directories, or at one on the way to them.
func (f *follower) concerns(path string) bool {
	return f.inside[filepath.Dir(path)] || f.onWay[path]
}

// follow brings the watched directories up to date and reports whether there are new
// ones among them. A directory that is watched is added again all the same: it may
// be another one of the same name.
func (f *follower) follow() (isNew bool, err error) {
	had, dirs := f.watcher.WatchList(), f.dirs()
	f.inside, f.onWay = map[string]bool{}, map[string]bool{}
	for _, dir := range dirs {
		f.inside[dir], f.onWay[dir] = true, true
	}
	var above []string
	for _, dir := range dirs {
		for up := filepath.Dir(dir); filepath.IsAbs(up) && !f.onWay[up]; up = filepath.Dir(up) {
			f.onWay[up] = true
			above = append(above, up)
		}
	}
	for _, dir := range above {
		_ = f.watcher.Add(dir) // whoever may pass through it may not watch it, perhaps
	}
	for _, dir := range had {
		if !f.onWay[dir] {
			_ = f.watcher.Remove(dir) // it fails if the directory is gone, which is as good
		}
	}
	reported, fresh := map[string]string{}, map[string][]string{} // cause by directory, and directories by cause
	for _, dir := range dirs {
		switch err := f.watcher.Add(dir); {
		case errors.Is(err, fs.ErrNotExist): // gone again; its parent tells when it comes back
		case err != nil:
			cause := err.Error()
			if errors.Is(err, syscall.ENOSPC) { // its own words are about a disk
				cause = "the system's limit of watched directories is reached; raise fs.inotify.max_user_watches"
			}
			if f.reported[dir] != cause {
				fresh[cause] = append(fresh[cause], dir)
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
	for _, cause := range slices.Sorted(maps.Keys(fresh)) {
		f.warn(fmt.Errorf("cannot watch %s: %s", some(fresh[cause], ", "), cause))
	}
	return isNew, nil
}

// Dirs returns the directories in which something may happen that changes what the
// file and its includes say, as they are now: those of the files themselves, of
// symbolic links on the way to them, and of what the patterns of include may
// match. In place of a directory that is missing stands the nearest one above it.
func (c *Config) Dirs() []string {
	dirs := map[string]bool{}
	for _, s := range c.Sources {
		turns(s.Path, dirs)
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
				turns(m+"/.", dirs) // the directory itself
			}
		}
	}
	return slices.Sorted(maps.Keys(dirs))
}

// turns adds the directories in which a change can make the path lead elsewhere:
// each that holds a symbolic link on the way, and the one at the end, or the
// last one that exists. Their names are free of symbolic links.
func turns(path string, dirs map[string]bool) {
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
