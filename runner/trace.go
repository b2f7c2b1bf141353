package runner

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strings"
)

// A trace is named as W3C Trace Context has it: version, trace, parent, flags.
var traceForm = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// IsTrace reports whether a text can be the variable TRACEPARENT.
func IsTrace(text string) bool {
	return traceForm.MatchString(text) && !strings.HasPrefix(text, "ff") &&
		text[3:35] != strings.Repeat("0", 32) && text[36:52] != strings.Repeat("0", 16)
}

// NewTrace begins a trace.
func NewTrace() string {
	var b [24]byte
	rand.Read(b[:]) // it never fails
	return "00-" + hex.EncodeToString(b[:16]) + "-" + hex.EncodeToString(b[16:]) + "-01"
}
