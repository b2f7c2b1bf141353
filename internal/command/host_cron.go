package command

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rota/internal/crontab"
	"rota/runner"
)

// What is read of crontabs at most.
const (
	maxCrontabs     = 200
	maxCrontabBytes = 1 << 20 // bytes of one
)

// crontabs warns of commands that cron runs, too, in the crontabs that can be read.
func (h *host) crontabs() {
	live := map[string]string{}  // the position of each command
	parts := map[string]string{} // the position of each directory of run-parts
	left := maxCrontabs
	for _, where := range []struct {
		pattern string
		system  bool // its lines name a user
	}{
		{"/etc/crontab", true},
		{"/etc/cron.d/*", true},
		{"/var/spool/cron/crontabs/*", false},
		{"/var/spool/cron/tabs/*", false},
		{"/var/spool/cron/*", false},
	} {
		files, _ := filepath.Glob(h.at(where.pattern))
		for _, path := range files[:min(left, len(files))] {
			left--
			if where.system && strings.Contains(filepath.Base(path), ".") {
				continue // cron ignores it
			}
			text, _, err := readUpTo(path, maxCrontabBytes)
			if err != nil {
				continue
			}
			for _, line := range crontab.Parse(string(text), crontab.Options{Dialect: crontab.Cronie, System: where.system, Root: true}).Lines {
				if line.Entry == nil {
					continue
				}
				command := collapseBlanks(line.Entry.Command)
				place := fmt.Sprintf("/%s:%d", strings.TrimPrefix(strings.TrimPrefix(path, h.root), "/"), line.Number)
				if _, known := live[command]; command != "" && !known {
					live[command] = place
				}
				for _, dir := range pathsIn(command) {
					if _, known := parts[dir]; !known {
						parts[dir] = place
					}
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.cfg.Tasks)) {
		t := h.cfg.Tasks.Get(name)
		c, ok := t.Action.(*runner.Command)
		if !ok || len(t.Triggers) == 0 {
			continue
		}
		command := collapseBlanks(c.Text + strings.Join(c.Argv, " "))
		place, twice := live[command]
		if !twice && t.Dir != "" { // as import writes it
			place, twice = live["cd "+t.Dir+" && "+command]
		}
		if twice {
			h.ofTask(name, "command", true, "also in "+place+": it would run twice", "remove it there")
			continue
		}
		for _, dir := range pathsIn(command) {
			if place, twice := parts[dir]; twice {
				h.ofTask(name, "command", true, dir+" is also run by run-parts in "+place+": its scripts would run twice", "remove that line there")
			}
		}
		for _, word := range strings.Fields(command) {
			word = strings.Trim(word, `;&|()"'`)
			if place, twice := parts[filepath.Dir(word)]; twice {
				if info, err := os.Stat(h.at(word)); err == nil && info.Mode().IsRegular() {
					h.ofTask(name, "command", true, word+" is also run by run-parts in "+place+": it would run twice", "move it out of "+filepath.Dir(word))
				}
			}
		}
	}
}

// pathsIn returns the directories of which a command runs all programs.
func pathsIn(command string) (dirs []string) {
	_, after, found := strings.Cut(command, "run-parts ")
	if !found {
		return nil
	}
	for _, word := range strings.Fields(after) {
		if word = strings.Trim(word, `;&|(){}"'`); strings.HasPrefix(word, "/") {
			dirs = append(dirs, filepath.Clean(word))
		}
	}
	return dirs
}

func collapseBlanks(text string) string { return strings.Join(strings.Fields(text), " ") }
