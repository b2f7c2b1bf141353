package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk"
	_ "github.com/goreleaser/nfpm/v2/arch"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// release counts the packages of one version.
const release = "1"

const description = `task scheduler with one TOML file
rota runs tasks when they are due: at intervals, on days of the week or month,
by a cron line, once, or by hand. Tasks have retries, time limits, queues and
conditions; every slot leaves a record, also the one that did not run. It
imports crontabs and the timers of systemd.`

// scripts are run at an installation or removal.
var scripts = map[string]nfpm.Scripts{
	"deb": {PostInstall: "packaging/deb/postinst", PreRemove: "packaging/deb/prerm", PostRemove: "packaging/deb/postrm"},
	"rpm": {PostInstall: "packaging/rpm/post", PreRemove: "packaging/rpm/preun", PostRemove: "packaging/rpm/postun"},
	"apk": {PostInstall: "packaging/apk/post-install", PreRemove: "packaging/apk/pre-deinstall"},
	// Arch does by hooks what is needed, and starts nothing.
}

// prepare copies all that goes into packages to the stage, where each file has the
// one time, whatever it has in the checkout: nfpm reads it from the files.
func (b *builder) prepare(programs []program) error {
	all, err := b.entries(programs)
	if err != nil {
		return err
	}
	for i := range all {
		e := &all[i]
		if e.kind == files.TypeDir {
			continue
		}
		if e.text == nil {
			if e.text, err = os.ReadFile(filepath.Join(b.top, e.from)); err != nil {
				return err
			}
		}
		e.from = filepath.Join(b.stage, "files", fmt.Sprint(i))
		if err := b.put(e.from, e.text, e.mode); err != nil {
			return err
		}
	}
	b.contents = all
	for _, s := range []string{"deb/postinst", "deb/prerm", "deb/postrm", "rpm/post", "rpm/preun", "rpm/postun", "apk/post-install", "apk/pre-deinstall", "apk/post-upgrade"} {
		text, err := os.ReadFile(filepath.Join(b.top, "packaging", s))
		if err != nil {
			return err
		}
		if err := b.put(filepath.Join(b.stage, "packaging", s), text, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// put writes a file of the stage.
func (b *builder) put(name string, text []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, text, mode); err != nil {
		return err
	}
	return os.Chtimes(name, b.stamp, b.stamp)
}

// pack writes one package.
func (b *builder) pack(format string, p program) error {
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "rota", Arch: p.arch, Platform: "linux", Version: b.version, Release: release,
		Section: "admin", Priority: "optional", Maintainer: b.maintainer, Description: description,
		MTime: b.stamp, DisableGlobbing: true,
	})
	info.Contents = b.contentsOf(format, p)
	info.Scripts = b.staged(scripts[format])
	info.RPM.BuildHost = "rota.invalid" // not this machine's
	info.RPM.Group = "System Environment/Daemons"
	switch format {
	case "deb":
		info.Suggests = []string{"default-mta | mail-transport-agent"}
		info.Depends = []string{"init-system-helpers (>= 1.54~)", "passwd"}
	case "apk":
		info.APK.Scripts.PostUpgrade = filepath.Join(b.stage, "packaging/apk/post-upgrade")
		info.License = "MIT"
	default:
		info.License = "MIT"
	}
	var out bytes.Buffer
	if err := packager.Package(info, &out); err != nil {
		return err
	}
	return b.write(packager.ConventionalFileName(info), out.Bytes())
}

func (b *builder) contentsOf(format string, p program) (all files.Contents) {
	add := func(e entry) {
		all = append(all, &files.Content{Source: e.from, Destination: e.place, Type: e.kind,
			FileInfo: &files.ContentFileInfo{Mode: e.mode, MTime: b.stamp, Owner: "root", Group: "root"}})
	}
	add(entry{place: "/usr/bin/rota", mode: 0o755, from: p.path})
	for _, e := range b.contents {
		if e.in(format) {
			add(e)
		}
	}
	return all
}

// staged returns the scripts with their places in the stage.
func (b *builder) staged(s nfpm.Scripts) nfpm.Scripts {
	for _, name := range []*string{&s.PreInstall, &s.PostInstall, &s.PreRemove, &s.PostRemove} {
		if *name != "" {
			*name = filepath.Join(b.stage, *name)
		}
	}
	return s
}
