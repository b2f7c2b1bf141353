package daemon

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/trust"
)

// webAccess is the listener of [web] of the file in force, with the tokens and the
// certificate as last read.
type webAccess struct {
	group   string     // the group whose members may do everything, at a unix socket
	rule    trust.Rule // who may change the files
	makeDir func(socket string) error
	log     func(msg string, args ...any)

	mu       sync.Mutex
	listener *control.Listener // nil: not listening
	serve    func(*control.Listener) context.CancelCauseFunc
	end      context.CancelCauseFunc // ends the serving of the listener; nil: it is not served yet
	stopped  bool                    // no listener is opened any more

	readMu  sync.Mutex               // held while files are read
	pending sync.Map                 // of accessFile: files whose read has not returned
	trouble atomic.Pointer[[]string] // the settings that could not be put in force
}

// errListenerClosed ends the requests of a listener that is closed.
var errListenerClosed = api.Errorf(api.Forbidden, "see [web] in jobs.toml", "this listener was closed")

// open opens the listener of [web] at the start. Any fault in [web] is an error.
func (a *webAccess) open(w config.Web) error {
	if w.Listen == "" {
		return nil
	}
	web, problems := a.read(w)
	if problems != nil {
		return errors.Join(problems...)
	}
	d, err := a.listen(web)
	if err == nil {
		a.log("listening", "web", d.Addr())
		a.listener = d
	}
	return err
}

// startServing serves the listener, and listeners that are opened later.
func (a *webAccess) startServing(serve func(*control.Listener) context.CancelCauseFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serve = serve
	if a.listener != nil {
		a.end = serve(a.listener)
	}
}

// closeUnserved closes a listener that is not served yet.
func (a *webAccess) closeUnserved() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.close()
}

// stop prevents any other listener from being opened.
func (a *webAccess) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
}

// update puts [web] and the current content of its files in force, and returns the problems.
// A file that cannot be read gives no access: a token is no longer valid then, and without a
// valid certificate nobody can connect.
func (a *webAccess) update(w config.Web) (problems []string) {
	var web control.Web
	if w.Listen != "" {
		var wrong []error
		web, wrong = a.read(w)
		problems = webProblems(wrong)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.trouble.Store(&problems) }()
	if a.stopped {
		return nil
	}
	if w.Listen == "" {
		a.close()
		return nil
	}
	if err := a.apply(w, web); err != nil {
		a.close()
		problems = append(problems, fmt.Sprintf("[web] listener %s is closed: %v", w.Listen, err))
	}
	return problems
}

// problems returns the problems that update would return, as far as they can be found in advance.
func (a *webAccess) problems(w config.Web) []string {
	if w.Listen == "" {
		return nil
	}
	_, wrong := a.read(w)
	return webProblems(wrong)
}

// webProblems returns problems of [web] as text for people.
func webProblems(wrong []error) (texts []string) {
	for _, err := range wrong {
		texts = append(texts, "[web] "+err.Error())
	}
	return texts
}

// apply opens, updates or closes the listener for web.
func (a *webAccess) apply(w config.Web, web control.Web) error {
	if w.TLSCert != "" && web.TLS == nil {
		return errors.New("no valid certificate")
	}
	if a.listener != nil && a.listener.Listens(web.Listen) {
		select {
		case <-a.listener.Closed(): // it failed
			a.close()
		default:
			return a.listener.Update(web)
		}
	}
	d, err := a.listen(web)
	if err != nil && a.listener != nil { // the old listener may hold the address
		a.close()
		d, err = a.listen(web)
	}
	if err != nil {
		return err
	}
	a.close()
	a.log("listening", "web", d.Addr())
	if a.listener = d; a.serve != nil {
		a.end = a.serve(d)
	}
	return nil
}

// listen opens a listener.
func (a *webAccess) listen(web control.Web) (*control.Listener, error) {
	if path, ok := strings.CutPrefix(web.Listen, "unix:"); ok {
		if err := a.makeDir(path); err != nil {
			return nil, err
		}
	}
	return control.OpenWeb(web)
}

// close closes the listener. After it returns no client can connect.
func (a *webAccess) close() {
	d, end := a.listener, a.end
	if a.listener, a.end = nil, nil; d == nil {
		return
	}
	a.log("listener closed", "web", d.Addr())
	if end == nil {
		d.Close()
		return
	}
	end(errListenerClosed)
	<-d.Closed()
}

// read reads the tokens, the certificate and its key. It omits files that cannot be read,
// and those that another user may have read or changed.
func (a *webAccess) read(w config.Web) (web control.Web, problems []error) {
	web = control.Web{Listen: w.Listen, Group: a.group, Hosts: w.Hosts, NoMetrics: !w.Metrics, Site: api.Site{Base: w.Base, URL: w.URL, Actions: w.Actions}}
	for _, name := range slices.Sorted(maps.Keys(w.Others)) {
		web.Site.Others = append(web.Site.Others, api.Other{Name: name, URL: w.Others[name]})
	}
	web.Proxy = control.Proxy{UserHeader: w.Proxy.UserHeader, May: api.Scope(w.Proxy.May)}
	for _, text := range w.Proxy.From {
		if net, err := config.AddressRange(text); err == nil {
			web.Proxy.From = append(web.Proxy.From, net)
		}
	}
	names := slices.Sorted(maps.Keys(w.Tokens))
	var files []accessFile
	for _, name := range names {
		files = append(files, accessFile{w.Tokens[name].File, true})
	}
	if w.TLSCert != "" {
		files = append(files, accessFile{w.TLSCert, false}, accessFile{w.TLSKey, true})
	}
	read := a.readFiles(files)
	for i, name := range names {
		text, err := read[i].text, read[i].err
		text = bytes.TrimPrefix(text, []byte("\ufeff")) // editors of Windows put it before a text
		token := control.Token{Name: name, Value: string(bytes.TrimSpace(text)), May: api.Scope(w.Tokens[name].May), Tasks: w.Tokens[name].Tasks}
		if err != nil {
			err = fmt.Errorf("token %q: %w", name, err)
		} else {
			err = token.Check()
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		web.Tokens = append(web.Tokens, token)
	}
	if w.TLSCert == "" {
		return web, problems
	}
	cert, key := read[len(names)], read[len(names)+1]
	if cert.err != nil {
		return web, append(problems, fmt.Errorf("tls_cert: %w", cert.err))
	}
	if key.err != nil {
		return web, append(problems, fmt.Errorf("tls_key: %w", key.err))
	}
	pair, err := tls.X509KeyPair(cert.text, key.text)
	if err != nil {
		return web, append(problems, fmt.Errorf("tls_cert and tls_key are not a pair of PEM files that belong together: %w", err))
	}
	web.TLS = &pair
	return web, problems
}

// accessFile is a file with a token, a certificate or a key.
type accessFile struct {
	path   string
	secret bool // only its owner and group may read it
}

// contents is the content of a file, or why it is not used.
type contents struct {
	text []byte
	err  error
}

// Limits of an accessFile.
const (
	maxAccessFile = 1 << 20
	accessTimeout = 3 * time.Second // to read it: it may be on a server that does not answer
)

// AccessFault returns why a daemon would refuse a file of [web], a secret one or a
// certificate; nil: it would accept the file.
func AccessFault(path string, secret, trusted bool) error {
	a := webAccess{rule: Options{TrustFile: trusted}.rule()}
	return a.readFiles([]accessFile{{path, secret}})[0].err
}

// readFiles reads files concurrently, so that a file that does not answer delays none of the
// others. Such a file is not read again before its read has returned.
func (a *webAccess) readFiles(files []accessFile) []contents {
	a.readMu.Lock()
	defer a.readMu.Unlock()
	all := make([]contents, len(files))
	done := make([]chan contents, len(files))
	for i, f := range files {
		if slices.Contains(files[:i], f) {
			continue
		}
		if _, unanswered := a.pending.LoadOrStore(f, true); unanswered {
			continue
		}
		c := make(chan contents, 1)
		done[i] = c
		go func() {
			text, err := a.readFile(f)
			a.pending.Delete(f)
			c <- contents{text, err}
		}()
	}
	late := time.After(accessTimeout)
	expired := false
	for i, f := range files {
		all[i].err = fmt.Errorf("%s could not be read within %v", f.path, accessTimeout)
		switch same := slices.Index(files[:i], f); {
		case same >= 0:
			all[i] = all[same]
		case done[i] == nil:
		case expired:
			select {
			case all[i] = <-done[i]:
			default:
			}
		default:
			select {
			case all[i] = <-done[i]:
			case <-late:
				expired = true
			}
		}
	}
	return all
}

// readFile reads a file. It fails if a user whom rota does not trust can change or replace
// the file.
func (a *webAccess) readFile(of accessFile) ([]byte, error) {
	f, err := a.rule.Open(of.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case of.secret && info.Mode()&0o007 != 0:
		return nil, fmt.Errorf("others may read or write %s; type: chmod o= %s", of.path, trust.Quote(of.path))
	case info.Size() > maxAccessFile:
		return nil, fmt.Errorf("%s is larger than %d MiB", of.path, maxAccessFile>>20)
	}
	return io.ReadAll(io.LimitReader(f, maxAccessFile))
}
