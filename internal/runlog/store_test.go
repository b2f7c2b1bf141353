package runlog

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestStore makes files of two runs, one the beginning of the other's key, and removes
// them in each way that there is.
func TestStore(t *testing.T) {
	s := Store{StateDir: t.TempDir()}
	names := []string{"1.1.log", "1.2.log", "1.2.log.7", "1.input", "1.result", "10.1.log", "x.y.3.log", "stranger"}
	for _, row := range []struct {
		what   string
		remove func() error
		left   []string
	}{
		{"forget 1", func() error { return s.Forget([]string{"a/1", "b/10"}, nil) }, []string{"10.1.log", "stranger", "x.y.3.log"}},
		{"forget 1, keep its input", func() error { return s.Forget([]string{"a/1"}, map[string]bool{s.Input("a/1"): true}) }, []string{"1.input", "10.1.log", "stranger", "x.y.3.log"}},
		{"clear attempt 1", func() error { return s.Clear("a/1", 1) }, []string{"1.2.log", "1.2.log.7", "1.input", "10.1.log", "stranger", "x.y.3.log"}},
		{"clear attempt 2", func() error { return s.Clear("a/1", 2) }, []string{"1.1.log", "1.input", "1.result", "10.1.log", "stranger", "x.y.3.log"}},
		{"clear what is not there", func() error { return s.Clear("c/1", 1) }, names},
		{"no state directory", func() error { return Store{}.Forget([]string{"a/1"}, nil) }, names},
	} {
		dir := s.directory("a")
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			write(t, filepath.Join(dir, name), "text")
		}
		runs, err := s.Runs("a")
		if err != nil || len(runs) != 3 || s.Bytes() != int64(4*len(names)) {
			t.Errorf("%d runs with files, %v, %d bytes", len(runs), err, s.Bytes())
		}
		for _, f := range runs {
			if f.Run() == "a/1" && f.Bytes != 20 {
				t.Errorf("the files of a/1 have %d bytes", f.Bytes)
			}
		}
		if err := row.remove(); err != nil {
			t.Errorf("%s: %v", row.what, err)
		}
		var left []string
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			left = append(left, e.Name())
		}
		slices.Sort(row.left)
		if !slices.Equal(left, row.left) {
			t.Errorf("%s: left are %q, want %q", row.what, left, row.left)
		}
	}
}
