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

// How much scanNames reads at most.
const (
	maxScanBytes = 4 << 20 // bytes of a file
	maxScanFiles = 200
)

var (
	tableLine   = regexp.MustCompile(`^\s*\[\s*(tasks|queues|notify)\s*\.\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))\s*[\].]`)
	includeLine = regexp.MustCompile(`^\s*include\s*=\s*(.*)$`)
	quoted      = regexp.MustCompile(`"([^"]*)"|'([^']*)'`)
)

// scanNames finds the names of the tables of a kind in the file and its includes. It scans
// lines and does not parse TOML: it works with errors in the file, and is fast enough for
// ten thousand names.
func (x *completion) scanNames(kind string) []candidate {
	path, err := file(x.c)
	if err != nil {
		return nil
	}
	names, patterns := scanFile(path, kind)
	left := maxScanFiles
	for _, p := range patterns {
		if !filepath.IsAbs(p) {
			p = filepath.Join(filepath.Dir(path), p)
		}
		included, _ := filepath.Glob(p)
		for _, path := range included[:min(left, len(included))] {
			more, _ := scanFile(path, kind)
			names = append(names, more...)
			left--
		}
	}
	slices.Sort(names)
	var candidates []candidate
	for _, name := range slices.Compact(names) {
		candidates = append(candidates, candidate{word: name})
	}
	return candidates
}

// scanFile returns the names in one file, and the patterns of what it includes.
func scanFile(path, kind string) (names, include []string) {
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
	for lines := bufio.NewScanner(io.LimitReader(f, maxScanBytes)); lines.Scan(); {
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
