package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// licenseFile is what a module may call its license, or what must go with it.
var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|unlicense)([-.].*)?$`)

// thirdParty returns the licenses of all that is linked into the program: most
// want that their text goes with it.
func (b *builder) thirdParty(p program) ([]byte, error) {
	info, err := buildinfo.ReadFile(p.path)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	text.WriteString("What is linked into rota, and its licenses.\n")
	add := func(name, dir string) error {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		found := false
		for _, e := range entries {
			if e.IsDir() || !licenseFile.MatchString(e.Name()) {
				continue
			}
			license, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			found = true
			fmt.Fprintf(&text, "\n%s\n%s, %s\n%[1]s\n\n%[4]s\n", strings.Repeat("=", 72), name, e.Name(), bytes.TrimSpace(license))
		}
		if !found {
			return fmt.Errorf("no license in %s, the module %s", dir, name)
		}
		return nil
	}
	root, err := b.golang("env", "GOROOT")
	if err != nil {
		return nil, err
	}
	if err := add("Go "+info.GoVersion, root); err != nil {
		return nil, err
	}
	for _, m := range info.Deps {
		dir, err := b.golang("list", "-m", "-f", "{{.Dir}}", m.Path)
		if err != nil {
			return nil, err
		}
		if err := add(m.Path+" "+m.Version, dir); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

// golang asks the go command about the checkout.
func (b *builder) golang(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = b.top, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
