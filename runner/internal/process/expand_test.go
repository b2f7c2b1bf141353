package process

import "testing"

func TestExpand(t *testing.T) {
	vars := map[string]string{"A": "a", "LONG_1": "long", "PATH": "/bin", "TRICK": "${A}$$"}
	for text, want := range map[string]string{
		"": "", "plain": "plain", "${A}": "a", "x${A}y${LONG_1}": "xaylong", "${PATH}:/opt/bin": "/bin:/opt/bin", "${NO}": "",
		"$A": "$A", "$": "$", "$$": "$", "$$$$": "$$", "$$$": "$$", "$${A}": "${A}", "$$${A}": "$a", "5$": "5$", "a$b$c": "a$b$c",
		"${": "${", "${}": "${}", "${A": "${A", "${A-b}": "${A-b}", "${1}": "${1}", "${TRICK}": "${A}$$", "${ A }": "${ A }",
	} {
		if got := expand(text, func(name string) string { return vars[name] }); got != want {
			t.Errorf("expand(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestWrongReference(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "$": "", "$$": "", "$A": "", "${A}": "", "$${": "", "$${A-b}": "", "${A}$$${B}": "",
		"x${": "${", "${A": "${A", "a${}b": "${}", "${A:-b}": "${A:-b}", "${A}${1}": "${1}", "${ROTA_TASK}": "${ROTA_TASK}", "$$${": "${",
	} {
		start, end, msg, hint := WrongReference(text)
		if text[start:end] != want || (msg == "") != (want == "") || (hint == "") != (want == "") {
			t.Errorf("WrongReference(%q) = %d, %d, %q, %q, want %q", text, start, end, msg, hint, want)
		}
	}
}

// The env that rota adds to a notification contains text of tasks.
func TestEventsAreLiteral(t *testing.T) {
	e := environment{Base: []variable{"HOME=/root"}, Set: map[string]string{"ROTA_WHY": "${HOME}$$", "X": "${HOME}"}}
	env, _, err := e.resolve(nil)
	if err != nil || len(env) != 3 || env[1] != "ROTA_WHY=${HOME}$$" || env[2] != "X=/root" {
		t.Errorf("%q, %v", env, err)
	}
}
