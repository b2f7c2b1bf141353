package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"rota/runner"
	"rota/schedule"
)

// Load reads the file and the files it includes. The error is an [*Errors] if their
// content is not valid or if users may change them that must not, else one of the file
// system that names the path. A file without any table or key is not valid, also an
// included one; a file with an empty [tasks] is.
func Load(path string, o Options) (*Config, error) {
	l, err := newLoader(path, o)
	if err != nil {
		return nil, err
	}
	text, real, fault, err := l.o.read(l.config.Path, maxSize)
	if err != nil {
		return nil, cannotRead(err)
	}
	l.real = real
	return l.load(text, fault)
}

func cannotRead(err error) error { return fmt.Errorf("cannot read the configuration: %w", err) }

// Parse is Load for a text that did not come from a file. The path serves for
// complaints; relative paths in the text start at its directory.
func Parse(path, text string, o Options) (*Config, error) {
	l, err := newLoader(path, o)
	if err != nil {
		return nil, err
	}
	if len(text) > maxSize {
		return l.load("", &Fault{Msg: "the text is " + tooLarge(maxSize)})
	}
	return l.load(strings.TrimPrefix(text, byteOrderMark), nil)
}

// loader makes one Config.
type loader struct {
	o          Options
	given      string // the path of the file as the user named it
	config     *Config
	sources    []*source
	complaints []complaint
	include    []pattern
	base       taskBuilder              // a task with the values of [defaults] and [history]
	task       taskBuilder              // the task that is being read
	packer     packer                   // of the tasks that have been read
	specs      map[string]schedule.Spec // their triggers without a warning, by keyOf
	tasks      map[string]location
	queues     map[string]location
	notes      map[string]location
	references []reference
	guesses    int                  // see suggestName
	dateFiles  map[string]*dateFile // by absolute path
	real       string               // the path of the file without symbolic links; "": not known
	outputDirs []string             // see isOutput; nil: not looked up yet
	unanswered error                // why reading a file timed out; no other files are read then
}

// pattern is an entry of include.
type pattern struct {
	text string
	at   location
}

func newLoader(path string, o Options) (*loader, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	o = o.withDeadline()
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	l := &loader{
		o: o, given: path,
		config: &Config{
			Path:   abs,
			Notify: map[string]Notify{},
			Queues: map[string]runner.Queue{"main": queueTable.zero()},
			Tasks:  Tasks{},
		},
		base:      newTaskBuilder(),
		specs:     map[string]schedule.Spec{},
		tasks:     map[string]location{},
		queues:    map[string]location{},
		notes:     map[string]location{},
		dateFiles: map[string]*dateFile{},
	}
	preset(rotaTable.keys, l.config)
	preset(webTable.keys, &l.config.Web)
	preset(historyTable.keys, l)
	l.config.Rota.Timezone = time.Local
	firstZone()
	l.config.Rota.ShutdownGrace = -1 // its default depends on where rota runs
	return l, nil
}

// load reads the text of the file and all files that it includes.
func (l *loader) load(text string, fault *Fault) (*Config, error) {
	var given *converted
	if l.o.Convert != nil && fault == nil {
		given = &converted{text: text}
		text, given.from, fault = l.o.Convert(text)
	}
	file := l.open(l.config.Path, l.given, text, fault)
	file.given = given
	if file.data == nil { // without its content, the files it includes are not known either
		return nil, l.faultsError()
	}
	l.readMain(file)
	l.checkZone(file)
	l.checkStateDir(file)
	if fault := l.isOutput(l.real); fault != nil {
		l.add(complaint{Fault: *fault, whole: true, location: location{l: l, src: file}})
	}
	l.includes(file)
	for _, src := range l.sources {
		l.checkSections(src)
	}
	l.readIncluded()
	l.checkAutostart(file)
	l.checkReferences()
	l.checkQueuesUsed()
	for _, src := range l.sources {
		l.config.shown = append(l.config.shown, src.show)
	}
	for _, path := range slices.Sorted(maps.Keys(l.dateFiles)) {
		if f := l.dateFiles[path]; f.err == nil {
			l.sources = append(l.sources, f.src)
		}
	}
	if l.unanswered != nil {
		return nil, cannotRead(l.unanswered)
	}
	if err := l.faultsError(); err != nil {
		return nil, err
	}
	c := l.config
	c.Warnings, c.Keep = l.faults(), l.base.Keep
	for _, src := range l.sources {
		one := src.Source
		if src.given != nil {
			one.Text = src.given.text
		}
		c.Sources = append(c.Sources, one)
	}
	c.Revision = revision(c.Sources)
	l.finishTasks()
	return c, nil
}

// open adds a source and decodes it.
func (l *loader) open(path, show, text string, fault *Fault) *source {
	src := &source{Source: Source{path, text}, show: show, dir: filepath.Dir(path)}
	l.sources = append(l.sources, src)
	c := complaint{location: location{l: l, src: src}}
	if fault != nil {
		c.Fault, c.whole = *fault, true
		l.add(c)
		return src
	}
	text, found := unixLines(text)
	src.Text = text
	data, fault, where := decode(text)
	if fault != nil {
		c.Fault, c.text = *fault, &where
		l.add(c)
		return src
	}
	src.data = data
	if found {
		l.add(complaint{location: c.location, whole: true, Fault: Fault{
			Msg:     `line ends of Windows (CRLF) in strings are read as those of Unix (LF)`,
			Hint:    `save the file with LF; where CRLF is meant write \r\n in double quotes`,
			Warning: true,
		}})
	}
	if len(data) == 0 {
		// More likely a truncated or half-written file than the wish to remove all its tasks.
		c.Fault, c.whole = Fault{Msg: "the file is empty", Hint: "to run no tasks, write [tasks]"}, true
		l.add(c)
	}
	return src
}

// includes reads the files that the patterns of include match.
func (l *loader) includes(file *source) {
	found := map[string]location{}
	for _, p := range l.include {
		pattern, at := p.text, p.at
		abs := pattern
		if !filepath.IsAbs(abs) {
			abs = filepath.Join(escapeGlob.Replace(file.dir), pattern)
		}
		matches, err := l.o.glob(abs)
		if l.timedOut(err) {
			return
		}
		if err != nil {
			at.valueError(`such as "conf.d/*.toml"`, "%q is not a valid pattern", pattern)
			continue
		}
		l.config.Globs = append(l.config.Globs, abs)
		if len(matches) == 0 && !strings.ContainsAny(pattern, `*?[\`) {
			at.valueError(`a pattern such as "conf.d/*.toml" may match nothing`, "%s does not exist", pattern)
		}
		for _, path := range matches {
			if path != l.config.Path && !hidden(abs, path) {
				found[path] = at
			}
		}
	}
	reported := map[string]bool{} // a remedy for several files, such as a chmod of their directory, is reported once
	for _, path := range slices.Sorted(maps.Keys(found)) {
		text, real, fault, err := l.o.read(path, maxSize)
		if l.timedOut(err) {
			return
		}
		if fault == nil {
			fault = l.isOutput(real)
		}
		switch {
		case fault != nil && reported[fault.Hint]:
		case errors.Is(err, syscall.EISDIR): // a pattern such as "conf.d/*" may match directories
		case err != nil:
			found[path].valueError("", "cannot read a matching file: %v", err)
		default:
			if fault != nil && fault.Hint != "" {
				reported[fault.Hint] = true
			}
			l.open(path, l.showAs(path), text, fault)
		}
	}
}

// timedOut reports whether a path did not answer in time. That ends the load.
func (l *loader) timedOut(err error) bool {
	if !errors.As(err, new(*Unanswered)) {
		return false
	}
	l.unanswered = err
	return true
}

// escapeGlob escapes a path to a pattern that matches only this path.
var escapeGlob = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// hidden reports whether a part of the path begins with a dot and the same part of
// the pattern does not, as in a shell: backup files of editors, and the directories
// that Kubernetes keeps behind its links.
func hidden(pattern, path string) bool {
	asked := strings.Split(pattern, "/")
	for i, part := range strings.Split(path, "/") {
		if strings.HasPrefix(part, ".") && (i >= len(asked) || !strings.HasPrefix(asked[i], ".")) {
			return true
		}
	}
	return false
}

// showAs returns the path of an included file as the user would name it: relative
// if the user gave the main file by a relative path.
func (l *loader) showAs(path string) string {
	if filepath.IsAbs(l.given) {
		return path
	}
	rel, err := filepath.Rel(filepath.Dir(l.config.Path), path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return filepath.Join(filepath.Dir(l.given), rel)
}

// revision returns a hash of the texts and their paths relative to the first.
func revision(sources []Source) string {
	h := sha256.New()
	for _, s := range sources {
		rel, err := filepath.Rel(filepath.Dir(sources[0].Path), s.Path)
		if err != nil {
			rel = s.Path
		}
		fmt.Fprintf(h, "%q %d\n%s", rel, len(s.Text), s.Text)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
