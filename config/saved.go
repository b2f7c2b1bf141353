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

	"rota/internal/trust"
)

// manifestName is the name of the file that lists the other files of the directory.
const manifestName = "manifest.json"

// manifest lists the texts of one configuration.
type manifest struct {
	Version int // of this format: 1
	Files   []savedFile
}

// savedFile is one text. Its name holds its hash, so that a manifest never refers to
// another text than the one it was written for.
type savedFile struct {
	Path string // the original path, absolute
	Name string // in the directory
}

// Save writes the texts to a directory, which it makes if needed, for a later start
// at which the file is not valid. It replaces the texts saved before; if it fails or
// is interrupted, those remain. It fails if a user can change the directory, or one on
// the way to it, who may not change the file.
func (c *Config) Save(dir string, o Options) error {
	rule := trust.For(o.TrustFile)
	if err := rule.MakeDir(dir, 0o700); err != nil {
		return err
	}
	if err := rule.Verify(dir); err != nil {
		return err
	}
	m := manifest{Version: 1}
	keep := []string{manifestName}
	for _, s := range c.Sources {
		f := savedFile{Path: s.Path, Name: savedName(s.Path, s.Text)}
		m.Files = append(m.Files, f)
		keep = append(keep, f.Name)
		if err := replace(filepath.Join(dir, f.Name), []byte(s.Text)); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(dir, manifestName), append(text, '\n')); err != nil {
		return err
	}
	return removeOthers(dir, keep)
}

// replace writes a file that only its owner may read and change, whatever the
// rights of the one that it replaces.
func replace(path string, text []byte) error {
	f, err := renameio.NewPendingFile(path)
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
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

// SavedPath returns the path of the main file whose texts [Config.Save] wrote to a
// directory; "" if the directory holds none or they cannot be read.
func SavedPath(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	m := manifest{}
	if err != nil || json.Unmarshal(text, &m) != nil || len(m.Files) == 0 {
		return ""
	}
	return m.Files[0].Path
}

// LoadSaved is Load for the texts that [Config.Save] wrote to a directory; they are
// read as if they were at their original paths. The error is os.ErrNotExist if nothing
// was saved. LoadSaved also fails if the texts have changed since, or if a user may
// change them who must not.
func LoadSaved(dir string, o Options) (*Config, error) {
	saved := o.withDeadline()
	manifestFile, err := saved.open(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, err
	}
	m := manifest{}
	if err := json.Unmarshal(manifestFile.data, &m); err != nil || m.Version != 1 || len(m.Files) == 0 {
		return nil, fmt.Errorf("%s is damaged or of another version of rota", filepath.Join(dir, manifestName))
	}
	texts := map[string][]byte{}
	for _, f := range m.Files {
		name := filepath.Join(dir, filepath.Base(f.Name))
		file, err := saved.open(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read a saved text: %s", err) // not ErrNotExist: something was saved
		}
		if savedName(f.Path, string(file.data)) != f.Name {
			return nil, fmt.Errorf("%s is not as it was saved", name)
		}
		texts[f.Path] = file.data
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
