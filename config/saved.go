package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
)

// manifestName is the file that says what the other files of the folder are.
const manifestName = "manifest.json"

// manifest lists the texts of one configuration.
type manifest struct {
	Version int // of this format: 1
	Files   []savedFile
}

// savedFile is one text. Its name holds its hash, so that a manifest never
// speaks of another text than it was written for.
type savedFile struct {
	Path string // where it came from, absolute
	Name string // in the folder
}

// Save keeps the texts in a folder, which it makes if need be, for a later
// start that finds the file broken. It replaces what was kept there before; if
// it fails or is cut off, that stays.
func (c *Config) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	m := manifest{Version: 1}
	keep := []string{manifestName}
	for _, s := range c.Sources {
		f := savedFile{Path: s.Path, Name: savedName(s.Path, s.Text)}
		m.Files = append(m.Files, f)
		keep = append(keep, f.Name)
		if err := renameio.WriteFile(filepath.Join(dir, f.Name), []byte(s.Text), 0o600); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(dir, manifestName), append(text, '\n'), 0o600); err != nil {
		return err
	}
	return removeOthers(dir, keep)
}

// removeOthers removes the files of earlier configurations.
func removeOthers(dir string, keep []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if e.Type().IsRegular() && !slices.Contains(keep, e.Name()) {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

func savedName(path, text string) string {
	sum := sha256.Sum256([]byte(path + "\x00" + text))
	return hex.EncodeToString(sum[:8]) + ".toml"
}

// LoadSaved is Load for the texts that [Config.Save] kept in a folder; they
// count as standing where they came from. The error is os.ErrNotExist if there
// are none, and says so if they are not as they were saved.
func LoadSaved(dir string, o Options) (*Config, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, err
	}
	m := manifest{}
	if err := json.Unmarshal(text, &m); err != nil || m.Version != 1 || len(m.Files) == 0 {
		return nil, fmt.Errorf("%s is damaged or of another version of rota", filepath.Join(dir, manifestName))
	}
	texts := map[string][]byte{}
	for _, f := range m.Files {
		name := filepath.Join(dir, filepath.Base(f.Name))
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("a saved text is missing: %s", err) // not ErrNotExist: something was saved
		}
		if savedName(f.Path, string(text)) != f.Name {
			return nil, fmt.Errorf("%s is not as it was saved", name)
		}
		texts[f.Path] = text
	}
	o.Read = func(path string) ([]byte, error) {
		if text, ok := texts[path]; ok {
			return text, nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	o.Glob = func(pattern string) ([]string, error) {
		var matches []string
		for _, f := range m.Files {
			ok, err := filepath.Match(pattern, f.Path)
			if err != nil {
				return nil, err
			}
			if ok {
				matches = append(matches, f.Path)
			}
		}
		return matches, nil
	}
	return Load(m.Files[0].Path, o)
}
