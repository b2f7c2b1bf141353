package daemon

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Two tokens may have one file, and two may ask at the same time.
func TestAccessFilesAreReadTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(path, []byte("secret"), 0o600))
	a := &webAccess{rule: Options{}.rule()}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for i, read := range a.readFiles([]accessFile{{path, true}, {path, true}, {path, false}}) {
				if read.err != nil || string(read.text) != "secret" {
					t.Errorf("%d: %q, %v", i, read.text, read.err)
				}
			}
		})
	}
	all.Wait()
}
