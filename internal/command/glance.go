package command

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// What a glance goes through at most.
const (
	mostGlance      = 4 << 20 // bytes of a file
	mostGlanceFiles = 200
)

var (
	tableLine   = regexp.MustCompile(`^\s*\[\s*(tasks|queues|notify)\s*\.\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))\s*[\].]`)
	includeLine = regexp.MustCompile(`^\s*include\s*=\s*(.*)$`)
	quoted      = regexp.MustCompile(`"([^"]*)"|'([^']*)'`)
)

// glance finds the names that the tables of a kind seem to have in the file and
// what it includes. It looks at lines, not at TOML: a file that is wrong has
// names, too, and ten thousand of them are found while a key is pressed.
func (x *completion) glance(kind string) []offer {
	path, err := file(x.c)
	if err != nil {
		return nil
	}
	names, patterns := glanceAt(path, kind)
	left := mostGlanceFiles
	for _, p := range patterns {
		if !filepath.IsAbs(p) {
			p = filepath.Join(filepath.Dir(path), p)
		}
		included, _ := filepath.Glob(p)
		for _, path := range included[:min(left, len(included))] {
			more, _ := glanceAt(path, kind)
			names = append(names, more...)
			left--
		}
	}
	slices.Sort(names)
	var offers []offer
	for _, name := range slices.Compact(names) {
		offers = append(offers, offer{word: name})
	}
	return offers
}

// glanceAt returns the names in one file, and the patterns of what it includes.
func glanceAt(path, kind string) (names, include []string) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	inside := false // the array of include
	for lines := bufio.NewScanner(io.LimitReader(f, mostGlance)); lines.Scan(); {
		line := lines.Text()
		if m := tableLine.FindStringSubmatch(line); m != nil && m[1] == kind {
			names = append(names, m[2]+m[3]+m[4])
		}
		if m := includeLine.FindStringSubmatch(line); m != nil {
			inside, line = true, m[1]
		}
		if inside {
			for _, q := range quoted.FindAllStringSubmatch(line, -1) {
				include = append(include, q[1]+q[2])
			}
			inside = !strings.Contains(line, "]")
		}
	}
	return names, include
}
