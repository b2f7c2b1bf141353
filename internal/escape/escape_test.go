package escape

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Text in any script is unchanged; control characters, changes of direction and invisible
// characters are escaped.
var lines = map[string]string{
	"":                            "",
	"Füße, 日本\u3000✓ … \"x\" 'y'": "Füße, 日本\u3000✓ … \"x\" 'y'",
	"10\u00a0000 €":               "10\u00a0000 €",
	"שלום, مرحبا":                 "שלום, مرحبا",
	"می\u200cخواهم":               "می\u200cخواهم",
	"👩\u200d👩\u200d👧 ❤\ufe0f":     "👩\u200d👩\u200d👧 ❤\ufe0f",
	"e\u0301":                     "e\u0301",
	`a\nb`:                        `a\nb`,
	"\x1b[31mred":                 `\x1b[31mred`,
	"a\nb\tc\r\x00\x7f":           `a\nb\tc\r\x00\x7f`,
	"\u009b31m\u0085":             `\u009b31m\u0085`,
	"a\u2028b\u2029c":             `a\u2028b\u2029c`,
	"\u202egnp.exe":               `\u202egnp.exe`,
	"\u202a\u202b\u202c\u202d":    `\u202a\u202b\u202c\u202d`,
	"\u2066\u2067\u2068\u2069":    `\u2066\u2067\u2068\u2069`,
	"\u200e\u200f\u061c":          `\u200e\u200f\u061c`,
	"\ufeffbom\u200b\u2060":       `\ufeffbom\u200b\u2060`,
	"ad\u200dmin ad\u200c":        `ad\u200dmin ad\u200c`,
	"é\u200d\u200dé\u200d":        `é\u200d\u200dé\u200d`,
	"soft\u00adhyphen":            `soft\u00adhyphen`,
	"\U000e0041\U000e007f":        `\U000e0041\U000e007f`,
	"fill\u3164er\u115f":          `fill\u3164er\u115f`,
	"\ue000\uffff":                `\ue000\uffff`,
	"a\xff\xc3b":                  "a\uFFFD\uFFFDb",
	"a\uFFFDb":                    "a\uFFFDb",
}

func TestLine(t *testing.T) {
	for text, want := range lines {
		if got := Line(text); got != want {
			t.Errorf("Line(%+q) = %+q, want %+q", text, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	for text, want := range map[string]string{
		"a\n\tb\x1b\n": "a\n\tb\\x1b\n",
		"a\r\nb":       "a\\r\nb",
		"\v\f":         `\v\f`,
	} {
		if got := Lines(text); got != want {
			t.Errorf("Lines(%+q) = %+q, want %+q", text, got, want)
		}
	}
}

func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"plain name.log": "plain name.log",
		"Größe":          "Größe",
		"two\nlines":     `"two\nlines"`,
		"\x1b[2Jgone":    `"\x1b[2Jgone"`,
		"\u202etxt.exe":  `"\u202etxt.exe"`,
		"\u3164":         `"\u3164"`,
		"\xff":           `"\xff"`,
		`a\nb`:           `"a\\nb"`,
		`"quoted"`:       `"\"quoted\""`,
	} {
		if got := Name(name); got != want {
			t.Errorf("Name(%+q) = %s, want %s", name, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	for _, test := range []struct {
		text string
		max  int
		want string
	}{
		{" a\n\n b\tc ", 20, "a b c"},
		{"abcdef", 6, "abcdef"},
		{"abcdefg", 6, "abc…"},
		{"äöü", 5, "ä…"},
		{"\x1b[2Jx", 9, `\x1b[2Jx`},
		{"\x1b\x1b", 6, `\x1…`},
		{strings.Repeat("x", 1000), 5, "xx…"},
	} {
		if got := Short(test.text, test.max); got != test.want {
			t.Errorf("Short(%+q, %d) = %+q, want %+q", test.text, test.max, got, test.want)
		}
	}
}

func TestJSON(t *testing.T) {
	for text, want := range map[string]string{
		"{\"a\": \"ü ✓\"}\n":      "{\"a\": \"ü ✓\"}\n",
		"\"\u202e\u009b\"":        `"\u202e\u009b"`,
		"\"\U000e0041\"":          `"\udb40\udc41"`,
		"[\r\n\t\"\\u001b\" ]\n ": "[\r\n\t\"\\u001b\" ]\n ",
	} {
		got := JSON([]byte(text))
		var a, b any
		if err := json.Unmarshal(got, &a); string(got) != want || err != nil {
			t.Errorf("JSON(%+q) = %+q, %v, want %+q", text, got, err, want)
		}
		if _ = json.Unmarshal([]byte(text), &b); !reflect.DeepEqual(a, b) {
			t.Errorf("JSON(%+q) says something else", text)
		}
	}
}

// The result for any text has no control characters, changes of direction or invisible
// characters, and does not change when it is escaped again.
func FuzzEscape(f *testing.F) {
	for text := range lines {
		f.Add(text, 40)
	}
	f.Fuzz(func(t *testing.T, text string, max int) {
		check := func(name, got, stay string) {
			t.Helper()
			runes := []rune(got)
			for i, r := range runes {
				joiner := (r == '\u200c' || r == '\u200d') && i > 0 && i < len(runes)-1 && runes[i-1] >= 0x80 && runes[i+1] >= 0x80
				if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) && !joiner && !strings.ContainsRune(stay, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
					t.Errorf("%s(%+q) holds %U", name, text, r)
				}
			}
			if !utf8.ValidString(got) {
				t.Errorf("%s(%+q) is no UTF-8: %+q", name, text, got)
			}
		}
		check("Line", Line(text), "")
		check("Lines", Lines(text), "\n\t")
		check("Name", Name(text), "")
		if got := Line(text); Line(got) != got || Lines(got) != got {
			t.Errorf("Line(%+q) = %+q is escaped again: %+q", text, got, Line(got))
		}
		if max = 3 + max&0xff; true {
			got := Short(text, max)
			check("Short", got, "")
			if len(got) > max {
				t.Errorf("Short(%+q, %d) has %d bytes", text, max, len(got))
			}
		}
		given, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		safe := JSON(given)
		check("JSON", string(safe), "")
		var a, b string
		if err := json.Unmarshal(safe, &a); err != nil || json.Unmarshal(given, &b) != nil || a != b {
			t.Errorf("JSON(%+q) says %+q, %v", text, a, err)
		}
	})
}
