// Command build makes the packages of rota: for Debian (deb), Fedora and SUSE
// (rpm), Alpine (apk) and Arch, for amd64 and arm64, with their check sums and
// a list of what is in the binary (CycloneDX). In its directory,
//
//	go run . -version 1.2.0
//
// writes them to dist/ of the checkout. The same sources and the same Go make the
// same bytes: every entry has one time, that of SOURCE_DATE_EPOCH or of the last
// commit, and nothing of the machine gets in.
//
// It is a module of its own, so that rota needs nothing of what it needs.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	b := builder{}
	var arches, formats string
	flag.StringVar(&b.top, "source", "../..", "`directory` of the checkout")
	flag.StringVar(&b.out, "out", "", "`directory` that the packages are written to (dist of the checkout)")
	flag.StringVar(&b.version, "version", "", "`version` of the release, as 1.2.0 or 1.2.0-rc1 (0.0.TIME)")
	flag.StringVar(&b.maintainer, "maintainer", "The rota authors <rota@rota.invalid>", "`name <address>` of who answers for the packages")
	flag.StringVar(&arches, "arch", "amd64,arm64", "`list` of architectures, by the names that Go gives them")
	flag.StringVar(&formats, "format", "deb,rpm,apk,archlinux", "`list` of packages")
	flag.Parse()
	b.arches, b.formats = strings.Split(arches, ","), strings.Split(formats, ",")
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// builder is one call: all packages of one version.
type builder struct {
	top, out            string
	version, maintainer string
	arches, formats     []string

	stamp    time.Time // of every entry
	contents []entry   // but the program
	stage    string    // where files wait to be packed
	dist     []string  // what was written
}

// semantic is a version that each format can order: nfpm makes 1.2.0~rc1 and
// 1.2.0_rc1 of 1.2.0-rc1.
var semantic = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-(alpha|beta|rc)[0-9]+)?$`)

func (b *builder) run() (err error) {
	if b.top, err = filepath.Abs(b.top); err != nil {
		return err
	}
	if b.out == "" {
		b.out = filepath.Join(b.top, "dist")
	}
	if b.out, err = filepath.Abs(b.out); err != nil {
		return err
	}
	if b.stamp, err = stampOf(b.top); err != nil {
		return err
	}
	if b.version == "" {
		b.version = "0.0." + b.stamp.Format("20060102150405")
	}
	if b.version = strings.TrimPrefix(b.version, "v"); !semantic.MatchString(b.version) {
		return fmt.Errorf("version %q: want one like 1.2.0 or 1.2.0-rc1", b.version)
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	if b.stage, err = os.MkdirTemp("", "rota-build-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.stage)
	programs, err := b.compile()
	if err != nil {
		return err
	}
	if err := b.prepare(programs); err != nil {
		return err
	}
	for _, p := range programs {
		for _, format := range b.formats {
			if err := b.pack(format, p); err != nil {
				return fmt.Errorf("%s for %s: %w", format, p.arch, err)
			}
		}
		if err := b.writeSBOM(p); err != nil {
			return err
		}
	}
	return b.writeSums()
}

// stampOf returns the time that all entries get.
func stampOf(top string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := exec.Command("git", "-C", top, "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, errors.New("no time for the entries of packages: git knows no commit here; set SOURCE_DATE_EPOCH")
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH=%q is not a number of seconds", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
