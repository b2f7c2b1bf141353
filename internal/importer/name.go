package importer

import (
	"fmt"
	"hash/fnv"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Names of tasks are made from commands, and not from properties that an edit elsewhere in
// the source would change, such as line numbers or the order. Only if two tasks would have
// the same name, more of their properties are added.

// longest is how much of a command goes into a name.
const longest = 40

// name gives each task its name: its first stem, and as many of the others as needed to
// make it unique.
func name(tasks []*task) {
	level := map[*task]int{}
	for {
		groups := map[string][]*task{}
		for _, t := range tasks {
			if t.raw != nil {
				continue
			}
			t.name = slug(strings.Join(t.stems[:min(level[t]+1, len(t.stems))], "-"), longest+20)
			groups[t.name] = append(groups[t.name], t)
		}
		again := false
		for _, same := range groups {
			alike := func(t *task) bool { return slices.Equal(t.stems, same[0].stems) }
			if !slices.ContainsFunc(same, func(t *task) bool { return !alike(t) }) {
				continue
			}
			for _, t := range same {
				if level[t] < len(t.stems) {
					level[t]++
					again = true
				}
			}
		}
		if !again {
			break
		}
	}
	// The remaining tasks are equal in every respect.
	seen := map[string]int{}
	for _, t := range tasks {
		if t.raw == nil {
			if seen[t.name]++; seen[t.name] > 1 {
				t.name += fmt.Sprintf("-%d", seen[t.name])
			}
		}
	}
}

// slug returns a text as part of a name.
func slug(text string, most int) string {
	var b strings.Builder
	for _, c := range strings.ToLower(text) {
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= most {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// hashed returns a short hash of a text.
func hashed(text string) string {
	h := fnv.New32a()
	h.Write([]byte(text))
	return fmt.Sprintf("%08x", h.Sum32())[:6]
}

var (
	leadCd   = regexp.MustCompile(`^cd\s+(?:"[^"]*"|'[^']*'|[^\s;&|]+)\s*(?:&&|;)\s*`)
	leadTest = regexp.MustCompile(`^(?:test\s[^;&|]*|\[\[?\s[^;&|]*\]\]?|sleep\s[^;&|]*|source\s[^;&|]*|\.\s[^;&|]*|export\s[^;&|]*|umask\s[^;&|]*|set\s[^;&|]*|command -v [^;&|]*|perl -e '[^']*')\s*(?:&&|\|\||;)\s*`)
	leadIf   = regexp.MustCompile(`^if\s[^;]*;\s*then\s+`)
	leadSh   = regexp.MustCompile(`^(?:\S*/)?(?:ba|da|k|z)?sh\s+-[a-z]*c\s+["']?`)
	leadSet  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=(?:"[^"]*"|'[^']*'|[^\s"']*)\s+`)
	ends     = regexp.MustCompile(`\s*(?:&&|\|\|?|;|[0-9]*>>?|<|&)`)
)

// wrappers are programs that run another one, with the number of arguments, besides
// options, before that.
var wrappers = map[string]int{
	"sudo": 0, "nice": 0, "ionice": 0, "timeout": 1, "flock": 1, "chronic": 0, "cronic": 0, "nohup": 0, "time": 0,
	"exec": 0, "env": 0, "setsid": 0, "systemd-cat": 0, "stdbuf": 0, "eatmydata": 0, "systemd-inhibit": 0, "runuser": 0, "setlock": 1, "envdir": 1, "chpst": 0, "command": 0,
}

// valued are options of wrappers with a value of their own.
var valued = map[string]bool{"-u": true, "-n": true, "-c": true, "-g": true, "-w": true, "-k": true, "-s": true, "-E": true, "-t": true, "-p": true, "-i": true, "-o": true, "-e": true}

var interpreter = regexp.MustCompile(`^(?:sh|bash|dash|ksh|zsh|python[0-9.]*|perl|php[0-9.]*|ruby|node|java)$`)

// several are programs whose next word names the action.
var several = []string{"artisan", "manage", "console", "wp", "drush", "npm", "yarn", "make", "rake", "rails", "git", "docker", "podman", "kubectl", "systemctl", "aws", "gcloud", "occ", "certbot", "apt-get", "apt", "restic", "borg", "poetry", "uv", "rota", "magento", "flask", "bundle", "go", "npx"}

// stemsOf returns the stems of a command: first the program, then other distinguishing
// words.
func stemsOf(command string) []string {
	rest := strings.TrimSpace(command)
	rest, _, _ = strings.Cut(rest, "\n")
	rest = rest[:min(len(rest), 1000)] // enough for a name, and for patterns that look at it again and again
	for range 20 {
		was := rest
		rest = strings.TrimLeft(rest, "({ \t@-:")
		for _, lead := range []*regexp.Regexp{leadCd, leadTest, leadIf, leadSh, leadSet} {
			if after := rest[len(lead.FindString(rest)):]; after != "" {
				rest = after
			}
		}
		rest = unwrapped(rest)
		if rest == was {
			break
		}
	}
	if at := ends.FindStringIndex(rest); at != nil && at[0] > 0 {
		rest = rest[:at[0]]
	}
	words := strings.Fields(rest)
	if len(words) == 0 {
		return []string{"job"}
	}
	program := base(words[0])
	words = words[1:]
	if interpreter.MatchString(program) {
		for i, w := range words {
			if strings.HasPrefix(w, "-") && w != "-m" && w != "-c" && w != "-lc" && w != "-jar" {
				continue
			}
			if strings.HasPrefix(w, "-") {
				continue
			}
			program, words = base(strings.Trim(w, `"'`)), words[i+1:]
			break
		}
	}
	if program == "run-parts" && len(words) > 0 {
		program = strings.ReplaceAll(base(words[len(words)-1]), ".", "-")
		words = nil
	}
	if slices.Contains(several, program) {
		for i, w := range words {
			if !strings.HasPrefix(w, "-") {
				program += "-" + slug(base(w), 20)
				words = words[i+1:]
				break
			}
		}
	}
	var args []string
	for _, w := range words {
		if a := slug(base(strings.TrimLeft(w, "-")), 16); a != "" && len(args) < 3 {
			args = append(args, a)
		}
	}
	stem := slug(program, longest)
	if stem == "" {
		stem = "job"
	}
	return []string{stem, strings.Join(args, "-")}
}

// unwrapped removes a program that runs another one, with its options.
func unwrapped(rest string) string {
	words := strings.Fields(rest)
	if len(words) < 2 {
		return rest
	}
	before, known := wrappers[base(words[0])]
	if !known {
		return rest
	}
	i := 1
	for i < len(words)-1 && strings.HasPrefix(words[i], "-") {
		if words[i] == "--" {
			i++
			break
		}
		if valued[words[i]] && !(base(words[0]) == "flock" && words[i] == "-n") && !(base(words[0]) == "sudo" && words[i] == "-n") {
			i++
		}
		i++
	}
	i += before
	if i >= len(words) {
		return rest
	}
	if base(words[0]) == "flock" && words[i] == "-c" && i+1 < len(words) {
		i++
	}
	return strings.Trim(strings.Join(words[i:], " "), `"'`)
}

// base returns the name of a file without its directory and without the extension of a
// script.
func base(word string) string {
	word = strings.Trim(word, `"'()`)
	if word == "" {
		return ""
	}
	word = path.Base(word)
	for _, end := range []string{".sh", ".py", ".pl", ".php", ".rb", ".js", ".bash", ".cron", ".jar"} {
		if rest := strings.TrimSuffix(word, end); rest != "" {
			word = rest
		}
	}
	return word
}
