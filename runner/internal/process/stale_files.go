package process

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rota/internal/trust"
)

// staleFiles returns the files of an attempt that no process executes any more, by the
// prefix of their names.
func staleFiles(stem string) *runFiles {
	x := &runFiles{stem: stem, used: true}
	directory, err := os.Readlink(stem + directorySuffix)
	if err != nil {
		return x
	}
	// It may have gone, and somebody who knew its name may have made another.
	w, err := trust.Follow(directory)
	if err != nil || w.Others() != nil || w.Path() != filepath.Clean(directory) {
		_ = os.Remove(stem + directorySuffix)
		if err == nil {
			w.Close()
		}
		return x
	}
	defer w.Close()
	if x.root, err = os.OpenRoot(directory); err != nil {
		_ = os.Remove(stem + directorySuffix)
		return x
	}
	x.directory = directory
	return x
}

// RemoveStale removes what attempts left whose daemon or shim was killed, except those of
// which something still lives, or which a forked run has.
func RemoveStale(stateDir string) {
	live := filepath.Join(stateDir, "live")
	table, err := tableOf(stateDir)
	recorded := []string(nil)
	if err == nil {
		recorded = table.names()
	}
	if entries, err := os.ReadDir(live); (err != nil || len(entries) == 0) && len(recorded) == 0 {
		return
	}
	busy := namesInUse(stateDir, live)
	for _, name := range recorded {
		if !slices.Contains(busy, name+".") {
			table.drop(name)
		}
	}
	var stubborn []string
	eachName(live, func(entry string) {
		if slices.ContainsFunc(busy, func(name string) bool { return strings.HasPrefix(entry, name) }) {
			return
		}
		if stem, ok := strings.CutSuffix(entry, directorySuffix); ok {
			staleFiles(filepath.Join(live, stem)).close()
		} else if err := os.Remove(filepath.Join(live, entry)); err != nil {
			stubborn = append(stubborn, entry)
		}
	})
	wipeFrom(live, stubborn)
}

// namesInUse are the prefixes of the names of files in use: of attempts with live
// processes, or forked ones.
func namesInUse(stateDir, live string) (busy []string) {
	for run := range runsAlive(stateDir) {
		busy = append(busy, liveName(run))
	}
	dirs, _ := Dirs(stateDir)
	for _, d := range dirs {
		if a, ok := d.Attempt(); ok {
			busy = append(busy, filepath.Base(a.stem())+".")
		}
	}
	if t, err := tableOf(stateDir); err == nil {
		for _, name := range t.names() {
			if id, err := t.get(name); err == nil {
				if _, leads := id.leads(); leads {
					busy = append(busy, name+".")
				}
			}
		}
	}
	eachName(live, func(entry string) {
		if stem, ok := strings.CutSuffix(entry, recordSuffix); ok {
			if id, err := readIdentity(filepath.Join(live, entry)); err == nil {
				if _, leads := id.leads(); leads {
					busy = append(busy, stem+".")
				}
			}
		}
	})
	return busy
}
