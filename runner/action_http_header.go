package runner

import (
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"
)

// checkHeaders complains about headers that net/http would refuse, send
// otherwise or not send at all.
func checkHeaders(headers map[string]string) []Problem {
	var p problems
	seen := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		key, value := "headers."+name, headers[name]
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if !isToken(name) {
			p.add(key, fmt.Sprintf("%q is not a header name", name), "")
			continue
		}
		switch canonical {
		case "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Upgrade":
			p.add(key, canonical+" is set by rota and cannot be given", "omit it")
		}
		if other := seen[canonical]; other != "" {
			p.add(key, fmt.Sprintf("header %s is set twice, also as %s", name, other), "keep one of them")
		}
		seen[canonical] = name
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			p.add(key, "the value of a header is one line without control characters", "")
		}
		if strings.Contains(value, "{{") {
			p.add(key, "a header cannot be a template", `write it without "{{"`)
		}
	}
	return p
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
