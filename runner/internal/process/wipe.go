package process

import (
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	wipeTime  = 2 * time.Second // for one directory
	wipeDepth = 50              // directories within directories
	mostWipes = 8               // at the same time
	nameBatch = 1000            // names of a directory that are read at once
)

var (
	wipes   = make(chan struct{}, mostWipes) // a place for each
	wipings sync.WaitGroup
)

// wiper removes what somebody else made, who may still be at work there, until
// its time is over.
type wiper struct{ until time.Time }

// wipe calls f, which removes something, in the background. If too much is being
// removed already it calls otherwise: the next start of rota removes the rest.
func wipe(f func(*wiper), otherwise func()) {
	select {
	case wipes <- struct{}{}:
	default:
		otherwise()
		return
	}
	wipings.Go(func() {
		defer func() { <-wipes }()
		f(&wiper{time.Now().Add(wipeTime)})
	})
}

// AwaitWipes waits for what is being removed, in a process that ends then.
func AwaitWipes() {
	done := make(chan struct{})
	go func() { wipings.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(wipeTime + time.Second):
	}
}

// wipeFrom removes entries of a directory that nobody else can change, with all
// that is in them.
func wipeFrom(dir string, names []string) {
	if len(names) == 0 {
		return
	}
	wipe(func(w *wiper) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return
		}
		defer root.Close()
		for _, name := range names {
			w.empty(root, name, anyOwner, 0)
			_ = root.Remove(name)
		}
	}, func() {})
}

// anyone, as the owner of what is to be removed.
const anyOwner = -1

// empty removes what is in a directory: never outside of root, not deeper than
// anybody means to go, and not for ever. It removes something only from a directory
// of owner, as it is open: a directory of somebody else may have been moved here,
// and its owner's files are nobody else's to remove.
func (w *wiper) empty(root *os.Root, name string, owner, depth int) {
	inside, err := root.OpenRoot(name)
	if err != nil {
		return
	}
	defer inside.Close()
	if uid, err := ownerOf(inside); err != nil || owner != anyOwner && uid != owner {
		return
	}
	for !w.late() {
		dir, err := inside.OpenFile(".", os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return
		}
		entries, _ := dir.ReadDir(nameBatch)
		dir.Close()
		removed := false
		for _, e := range entries {
			if w.late() {
				return
			}
			if e.IsDir() && depth < wipeDepth {
				w.empty(inside, e.Name(), owner, depth+1)
			}
			removed = inside.Remove(e.Name()) == nil || removed
		}
		if !removed {
			return
		}
	}
}

// ownerOf returns the user whose directory is open.
func ownerOf(dir *os.Root) (int, error) {
	info, err := dir.Stat(".")
	if err != nil {
		return 0, err
	}
	return int(info.Sys().(*syscall.Stat_t).Uid), nil
}

func (w *wiper) late() bool { return time.Now().After(w.until) }

// eachName calls f for the names in a directory, of which there may be many, but
// not for those that are made meanwhile without end.
func eachName(dir string, f func(name string)) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	for until := time.Now().Add(wipeTime); time.Now().Before(until); {
		names, err := d.Readdirnames(nameBatch)
		for _, name := range names {
			f(name)
		}
		if err != nil || len(names) == 0 {
			return
		}
	}
}
