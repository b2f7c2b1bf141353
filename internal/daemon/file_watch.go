package daemon

import (
	"context"
	"fmt"
	"time"
)

// watch reloads whenever the file or the files it includes change, until ctx ends. Then it
// does not wait for a directory that does not answer.
func (f *file) watch(ctx context.Context, h *host) {
	changed := func() { _, _ = f.reload(ctx, h, "") }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.watchEvents(ctx, h, changed)
	}()
	go f.awaitRetries(ctx, h)
	go f.poll(ctx, h, changed)
	f.awaitAnswers(ctx, changed)
	select {
	case <-ended:
	case <-time.After(time.Second):
	}
}

// rewatchPause is the pause before watchEvents tries again to watch the directories.
const rewatchPause = 10 * time.Second

// watchEvents reloads at events of the kernel, until ctx ends. If the kernel has no resources for
// that, as other processes use them, it tries again later.
func (f *file) watchEvents(ctx context.Context, h *host, changed func()) {
	warn := func(err error) {
		h.log.Warn("edits in this directory need a SIGHUP, or are noticed later", "error", err)
	}
	var failed error
	dirs := func() []string {
		if failed != nil {
			failed = nil
			h.log.Info("watching the file again")
		}
		late := time.AfterFunc(loadTimeout, func() {
			warn(fmt.Errorf("a directory of the configuration does not answer within %v", loadTimeout))
		})
		defer late.Stop()
		return h.engine.InForce().Dirs()
	}
	for {
		err := f.watchFiles(ctx, dirs, f.rewatch, changed, warn)
		if ctx.Err() != nil {
			return
		}
		if failed == nil {
			h.log.Error("cannot watch the file; trying again", "after", rewatchPause.String(), "error", err)
		}
		failed = err
		select {
		case <-time.After(rewatchPause):
		case <-ctx.Done():
			return
		}
	}
}

// poll checks at the interval of [rota] watch whether the files have changed, until ctx
// ends, as not all file systems send events.
func (f *file) poll(ctx context.Context, h *host, changed func()) {
	for {
		every := h.engine.InForce().Rota.Watch
		pause := every
		if pause == 0 {
			pause = time.Minute // then check whether the file sets another interval
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		if every > 0 && f.touched(ctx) {
			changed()
		}
	}
}

// touched reports whether the files seem to have changed since they were read.
func (f *file) touched(ctx context.Context) bool {
	end, err := f.waitTurn(ctx)
	if err != nil {
		return false
	}
	defer end()
	return f.lastRead.Touched()
}

// checkTimeout is the time limit for a check, in a request of the status, whether the files
// have changed.
const checkTimeout = time.Second

// differs reports whether the text of the files differs from that last read. It returns
// false for files that do not answer within checkTimeout.
func (f *file) differs(ctx context.Context) bool {
	timeout := time.After(checkTimeout)
	select {
	case f.turn <- struct{}{}:
	case <-timeout:
		return false // a reload is reading them
	case <-ctx.Done():
		return false
	}
	answer := make(chan bool, 1)
	go func() {
		differs := f.lastRead.Touched() && !f.lastRead.Same()
		<-f.turn // first: who has the answer may ask again at once
		answer <- differs
	}()
	select {
	case differs := <-answer:
		return differs
	case <-timeout:
	case <-ctx.Done():
	}
	return false
}

// awaitAnswers calls changed once a file that did not answer has, until ctx ends.
func (f *file) awaitAnswers(ctx context.Context, changed func()) {
	for {
		select {
		case <-f.unanswered:
		case <-ctx.Done():
			return
		}
		select {
		case <-f.options.Limit.Answered():
			changed()
		case <-ctx.Done():
			return
		}
	}
}
