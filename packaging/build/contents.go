package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2/files"
)

// entry is a file of a package: its place, its mode, and its text or the file of
// the checkout that holds it.
type entry struct {
	place string
	mode  fs.FileMode
	from  string // of the checkout, unless there is a text
	text  []byte
	only  string // the formats that have it, if not all
	kind  string // nfpm's type, if it is no plain file
}

func (e entry) in(format string) bool {
	return e.only == "" || strings.Contains(" "+e.only+" ", " "+format+" ")
}

const (
	doc      = "/usr/share/doc/rota/"
	examples = doc + "examples/"
	systemd  = "deb rpm archlinux"
)

// entries are the files of all packages but the program.
func (b *builder) entries(programs []program) ([]entry, error) {
	all := []entry{
		// This file is not to change: dpkg would ask everybody who has tasks in it.
		{place: "/etc/rota/jobs.toml", mode: 0o640, from: "packaging/jobs.toml", kind: files.TypeConfigNoReplace},
		{place: "/etc/rota", mode: 0o755, kind: files.TypeDir},
		{place: "/etc/rota/conf.d", mode: 0o755, kind: files.TypeDir},
		{place: "/etc/rota/secrets", mode: 0o700, kind: files.TypeDir},
		{place: "/usr/lib/systemd/system/rota.service", mode: 0o644, from: "packaging/rota.service", only: systemd},
		{place: "/usr/lib/systemd/user/rota.service", mode: 0o644, from: "packaging/rota-user.service", only: systemd},
		{place: "/usr/lib/sysusers.d/rota.conf", mode: 0o644, from: "packaging/sysusers.conf", only: systemd},
		{place: "/etc/init.d/rota", mode: 0o755, from: "packaging/rota.openrc", only: "apk"},
		{place: "/usr/share/rota", mode: 0o755, kind: files.TypeDir},
		{place: "/usr/share/rota/jobs.schema.json", mode: 0o644, from: "jobs.schema.json"},
		{place: examples + "jobs.example.toml", mode: 0o644, from: "jobs.example.toml"},
		{place: examples + "recipes.toml", mode: 0o644, from: "docs/recipes.toml"},
		{place: examples + "notify.toml", mode: 0o644, from: "docs/notify.toml"},
		{place: examples + "prometheus/rota.rules.yml", mode: 0o644, from: "packaging/prometheus/rota.rules.yml"},
		{place: examples + "grafana/rota.json", mode: 0o644, from: "packaging/grafana/rota.json"},
		{place: examples + "hardened.conf", mode: 0o644, from: "packaging/hardened.conf", only: systemd},
		{place: doc + "copyright", mode: 0o644, only: "deb"},
		{place: "/usr/share/licenses/rota/LICENSE", mode: 0o644, from: "LICENSE", only: "rpm apk archlinux"},
		{place: "/usr/share/lintian/overrides/rota", mode: 0o644, from: "packaging/deb/lintian-overrides", only: "deb"},
	}
	if err := b.written(&all, programs); err != nil {
		return nil, err
	}
	copyright, err := b.copyright()
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].place == doc+"copyright" {
			all[i].text = copyright
		}
	}
	return all, nil
}

// written adds what rota and this program write.
func (b *builder) written(all *[]entry, programs []program) error {
	add := func(place string, text []byte, only string) {
		*all = append(*all, entry{place: place, mode: 0o644, text: text, only: only})
	}
	pages := filepath.Join(b.stage, "man")
	if err := os.Mkdir(pages, 0o755); err != nil {
		return err
	}
	if _, err := b.ask(programs, "man", pages); err != nil {
		return err
	}
	for _, page := range []string{"man1/rota.1", "man5/jobs.toml.5"} {
		text, err := os.ReadFile(filepath.Join(pages, path.Base(page)))
		if err != nil {
			return err
		}
		add("/usr/share/man/"+page+".gz", zipped(text), "")
	}
	for shell, places := range map[string][2]string{
		"bash": {"/usr/share/bash-completion/completions/rota", ""},
		"fish": {"/usr/share/fish/vendor_completions.d/rota.fish", ""},
		"zsh":  {"/usr/share/zsh/site-functions/_rota", "/usr/share/zsh/vendor-completions/_rota"},
	} {
		text, err := b.ask(programs, "completion", shell)
		if err != nil {
			return err
		}
		if places[1] == "" {
			add(places[0], text, "")
		} else {
			add(places[0], text, "rpm apk archlinux")
			add(places[1], text, "deb")
		}
	}
	pagesOfDocs, err := filepath.Glob(filepath.Join(b.top, "docs", "*.md"))
	if err != nil {
		return err
	}
	for _, file := range append(pagesOfDocs, filepath.Join(b.top, "README.md")) {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		add(doc+filepath.Base(file)+".gz", zipped(text), "")
	}
	modules, err := b.thirdParty(programs[0])
	if err != nil {
		return err
	}
	add(doc+"third-party.txt.gz", zipped(modules), "")
	changes, err := b.changelog()
	if err != nil {
		return err
	}
	add(doc+"changelog.Debian.gz", zipped(changes), "deb")
	add(doc+"changelog.gz", zipped(changes), "rpm apk archlinux")
	return nil
}

// changelog returns that of Debian, of this version.
func (b *builder) changelog() ([]byte, error) {
	news, err := os.ReadFile(filepath.Join(b.top, "packaging/changes"))
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "rota (%s-%s) unstable; urgency=medium\n\n", strings.Replace(b.version, "-", "~", 1), release)
	for line := range strings.Lines(string(news)) {
		fmt.Fprintf(&text, "  %s", line)
	}
	fmt.Fprintf(&text, "\n -- %s  %s\n", b.maintainer, b.stamp.Format(time.RFC1123Z))
	return text.Bytes(), nil
}

// copyright is the one of Debian, with the text of the license.
func (b *builder) copyright() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(b.top, "packaging/deb/copyright"))
	if err != nil {
		return nil, err
	}
	license, err := os.ReadFile(filepath.Join(b.top, "LICENSE"))
	if err != nil {
		return nil, err
	}
	_, terms, found := strings.Cut(string(license), "\n\nPermission")
	if !found {
		return nil, fmt.Errorf("LICENSE is no longer what packaging/deb/copyright says")
	}
	for line := range strings.Lines("Permission" + terms) {
		if strings.TrimSpace(line) == "" {
			line = ".\n"
		}
		text = append(text, " "+line...)
	}
	return text, nil
}

// zipped compresses as Debian wants it: as small as can be, and without a time.
func zipped(text []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level exists
	_, _ = w.Write(text)                                  // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}
