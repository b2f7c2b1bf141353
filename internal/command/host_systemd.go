package command

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"

	"rota/runner"
)

// maxUnitBytes is how much of a unit file is read.
const maxUnitBytes = 1 << 20

// unitDirectories are where systemd looks for units, the first one first.
var unitDirectories = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// systemd warns if the unit of rota ends forked runs together with rota.
func (h *host) systemd() {
	i, forked := 0, slices.Sorted(maps.Keys(h.cfg.Tasks))
	for i < len(forked) && h.cfg.Tasks.Get(forked[i]).Mode != runner.Forked {
		i++
	}
	if i == len(forked) {
		return
	}
	kill, runs, ok := h.unit("rota.service")
	if !ok || (kill != "control-group" && kill != "mixed") || !sameFile(runs, h.cfg.Path) {
		return
	}
	h.ofTask(forked[i], "mode", true, "rota.service has KillMode="+kill+": a stop of rota ends forked runs, too",
		"add KillMode=process under [Service]: systemctl edit rota")
}

// unit returns the KillMode in force of a unit, and the file that its command line
// names; false if there is no such unit.
func (h *host) unit(name string) (kill, runs string, ok bool) {
	kill, runs = "control-group", systemFile
	take := func(path string) bool {
		text, _, err := readUpTo(path, maxUnitBytes)
		if err != nil {
			return false
		}
		options, err := unit.DeserializeOptions(bytes.NewReader(text))
		if err != nil {
			return false
		}
		for _, o := range options {
			switch {
			case o.Section != "Service":
			case o.Name == "KillMode" && o.Value == "":
				kill = "control-group"
			case o.Name == "KillMode":
				kill = o.Value
			case o.Name == "ExecStart" && o.Value != "":
				runs = configIn(strings.Fields(o.Value))
			}
		}
		return true
	}
	dropIns := map[string]string{} // by name; the first directory goes before the others
	for _, dir := range unitDirectories {
		ok = ok || take(h.at(filepath.Join(dir, name)))
		files, _ := filepath.Glob(h.at(filepath.Join(dir, name+".d", "*.conf")))
		for _, path := range files {
			if base := filepath.Base(path); dropIns[base] == "" {
				dropIns[base] = path
			}
		}
	}
	for _, base := range slices.Sorted(maps.Keys(dropIns)) {
		take(dropIns[base])
	}
	return kill, runs, ok
}

// configIn is the file that a command line of rota names.
func configIn(words []string) string {
	for i, w := range words {
		if path, ok := strings.CutPrefix(w, "--config="); ok {
			return path
		}
		if (w == "--config" || w == "-c") && i+1 < len(words) {
			return words[i+1]
		}
	}
	return systemFile
}
