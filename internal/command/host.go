package command

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"rota/config"
	"rota/internal/daemon"
	"rota/runner"
)

// host checks this machine for a file.
type host struct {
	cfg       *config.Config
	trust     bool   // of --trust-file
	root      string // prefix of the paths of cron and systemd; "" except in tests
	positions *config.Positions
	faults    []config.Fault
	known     map[string]bool // places that have a fault already
}

// onHost returns the faults of this machine that keep the file from working, for the
// current user, in the order of the file.
func onHost(cfg *config.Config, trust bool, root string) []config.Fault {
	h := &host{cfg: cfg, trust: trust, root: root, positions: cfg.Positions(), known: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(cfg.Tasks)) {
		t := cfg.Tasks.Get(name)
		for _, o := range runner.HostProblems(t.Task, trust) {
			h.ofTask(name, o.Key, o.Doubt || !t.Enabled, o.Msg, o.Hint)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Notify)) {
		n := cfg.Notify[name]
		for _, o := range runner.HostProblems(runner.Task{Action: n.Action, Process: n.Process}, trust) {
			h.add(o.Doubt, o.Msg, o.Hint, []string{"notify", name, o.Key})
		}
	}
	if cfg.SMTP.Host != "" {
		if err := cfg.SMTP.Ready(); err != nil {
			h.add(false, err.Error(), "", []string{"smtp", "password_file"})
		}
	}
	h.directories()
	h.web()
	h.systemd()
	h.crontabs()
	slices.SortStableFunc(h.faults, h.positions.Compare)
	return h.faults
}

// directories checks who can change the state directory and the socket.
func (h *host) directories() {
	stateDir, socket := daemon.Unsafe(h.cfg, h.trust)
	if stateDir != nil {
		h.add(false, stateDir.Reason(), stateDir.Hint(), []string{"rota", "state_dir"})
	}
	if socket != nil && (stateDir == nil || socket.Path != stateDir.Path) {
		h.add(false, socket.Reason(), socket.Hint(), []string{"rota", "socket"}, []string{"rota", "state_dir"})
	}
}

// add adds a fault at the first of some keys that is in the file.
func (h *host) add(warning bool, msg, hint string, paths ...[]string) {
	f := h.positions.Point(config.Fault{Msg: msg, Hint: hint, Warning: warning}, paths...)
	if at := fmt.Sprint(f.File, f.Line, f.Col, msg); !h.known[at] {
		h.known[at] = true
		h.faults = append(h.faults, f)
	}
}

// ofTask adds a fault at a key of a task, wherever it is set.
func (h *host) ofTask(name, key string, warning bool, msg, hint string) {
	keys := strings.Split(key, ".")
	own := append([]string{"tasks", name}, keys...)
	h.add(warning, msg, hint, own, append([]string{"defaults"}, keys...), own[:3], own[:2])
}

// web checks the secrets of [web].
func (h *host) web() {
	w := h.cfg.Web
	for _, name := range slices.Sorted(maps.Keys(w.Tokens)) {
		path := w.Tokens[name].File
		if msg, hint := tokenFault(path); msg != "" {
			h.add(false, msg, hint, []string{"web", "tokens", name, "file"})
		} else if err := daemon.AccessFault(path, true, h.trust); err != nil {
			h.add(false, err.Error(), "", []string{"web", "tokens", name, "file"})
		}
	}
	if w.TLSCert == "" {
		return
	}
	if _, err := tls.LoadX509KeyPair(w.TLSCert, w.TLSKey); err != nil {
		key := "tls_cert"
		if strings.Contains(err.Error(), w.TLSKey) {
			key = "tls_key"
		}
		h.add(false, err.Error(), "", []string{"web", key})
	}
	if info, err := os.Stat(w.TLSKey); err == nil && info.Mode().Perm()&0o007 != 0 {
		h.add(false, "everyone may read or write "+w.TLSKey, "type: chmod o= "+w.TLSKey, []string{"web", "tls_key"})
		return
	}
	for _, of := range []struct{ key, path string }{{"tls_cert", w.TLSCert}, {"tls_key", w.TLSKey}} {
		if err := daemon.AccessFault(of.path, of.key == "tls_key", h.trust); err != nil && !errors.Is(err, fs.ErrNotExist) {
			h.add(false, err.Error(), "", []string{"web", of.key})
		}
	}
}

// leastToken is the least length of a token.
const leastToken = 16

// tokenFault is what is wrong with the file of a token.
func tokenFault(path string) (msg, hint string) {
	text, info, err := readUpTo(path, maxToken)
	switch {
	case err != nil:
		return err.Error(), ""
	case info.Mode().Perm()&0o007 != 0:
		return "everyone may read or write " + path, "type: chmod o= " + path
	case len(bytes.TrimSpace(text)) < leastToken:
		return fmt.Sprintf("the token in %s is shorter than %d characters", path, leastToken), "type: head -c 24 /dev/urandom | base64 > " + path
	}
	return "", ""
}

// readUpTo returns the begin of a regular file; a FIFO is not waited for.
func readUpTo(path string, most int64) ([]byte, os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a file", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, most))
	return text, info, err
}

// at is a path of the machine.
func (h *host) at(path string) string { return filepath.Join(h.root, path) }
