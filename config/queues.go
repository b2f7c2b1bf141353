package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MatchQueue reports whether a pattern such as "site1@*" or "*@mail" matches
// the name of a queue. The parts before and after the @ are matched
// separately; a name or a pattern without @ has nothing before it, so that
// "mail" and "@mail" are the same, and "*@mail" matches both "mail" and
// "site1@mail". A * stands for any characters, also none, but for no @ that
// splits; "*" alone is "*@*" and matches every queue.
func MatchQueue(pattern, queue string) bool {
	if pattern == "*" {
		return true
	}
	site, name := splitQueue(pattern)
	s, n := splitQueue(queue)
	return matchStar(site, s) && matchStar(name, n)
}

// MatchQueues returns those names that one of the patterns matches, in their
// order, and those patterns that match none.
func MatchQueues(patterns, names []string) (matched, unmatched []string) {
	used := make([]bool, len(patterns))
	for _, name := range names {
		hit := false
		for i, p := range patterns {
			if MatchQueue(p, name) {
				used[i], hit = true, true
			}
		}
		if hit {
			matched = append(matched, name)
		}
	}
	for i, p := range patterns {
		if !used[i] {
			unmatched = append(unmatched, p)
		}
	}
	return matched, unmatched
}

// splitQueue returns the parts of a queue's name before and after its first @. A name
// without @ has an empty site.
func splitQueue(name string) (site, rest string) {
	if site, rest, ok := strings.Cut(name, "@"); ok {
		return site, rest
	}
	return "", name
}

// matchStar reports whether the text matches the pattern, in which each * stands for
// any characters, also none.
func matchStar(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// checkAutostart warns of patterns of autostart that match no queue.
func (l *loader) checkAutostart(file *source) {
	rota, _ := file.data["rota"].(map[string]any)
	v, given := rota["autostart"]
	if !given || len(l.config.Rota.Autostart) == 0 { // not valid, or empty
		return
	}
	names := slices.Sorted(maps.Keys(l.config.Queues))
	_, unmatched := MatchQueues(l.config.Rota.Autostart, names)
	at := location{l: l, src: file}.at("rota").at("autostart")
	warn := func(loc location, item any) {
		if p, _ := item.(string); p != "" && slices.Contains(unmatched, p) {
			l.add(complaint{location: loc, Fault: Fault{Warning: true, Msg: fmt.Sprintf("%q matches no queue", p), Hint: suggestName(l, "", p, l.config.Queues, "")}})
		}
	}
	at.each(v, warn)
}

// checkQueuesUsed warns of queues that no task uses, as a run waits only in the queue
// of its task. With errors in the file it does nothing: the tasks are not all known.
func (l *loader) checkQueuesUsed() {
	if slices.ContainsFunc(l.complaints, func(c complaint) bool { return !c.Warning }) {
		return
	}
	used := map[string]bool{"main": true}
	for _, t := range l.config.Tasks.All() {
		used[t.Queue] = true
	}
	for _, name := range slices.Sorted(maps.Keys(l.queues)) {
		if !used[name] {
			l.add(complaint{location: l.queues[name], Fault: Fault{Warning: true, Msg: fmt.Sprintf("no task uses the queue %q", name), Hint: fmt.Sprintf("write queue = %q in a task, or remove the queue", name)}})
		}
	}
}
