package runner

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Reason is why a run has its state or outcome. It is a value for programs; Text renders
// it where it is shown. The zero Reason is none.
type Reason struct {
	Code   ReasonCode    `json:"code,omitempty"`   // "": Detail is all that is known, as of runs of earlier versions
	By     string        `json:"by,omitempty"`     // who, or the id of the run, that is the cause
	Detail string        `json:"detail,omitempty"` // details, as in the table of codes
	Since  time.Time     `json:"since,omitzero"`
	Until  time.Time     `json:"until,omitzero"`
	Span   time.Duration `json:"span,omitempty"`
	Last   Outcome       `json:"last,omitempty"` // of the previous attempt, before the next one
	Next   int           `json:"next,omitempty"` // the number of the next attempt, and
	Of     int           `json:"of,omitempty"`   // how many are allowed
	Notes  []string      `json:"notes,omitempty"`
}

// ReasonCode is a kind of reason.
type ReasonCode string

// The kinds of reasons, and the fields of a Reason that belong to each.
const (
	// Of slots that are not run.
	ReasonHeld            ReasonCode = "held"            // By, Since, Until, Detail: the reason that was given
	ReasonSkipped         ReasonCode = "skip"            // By: who skipped the slot
	ReasonOverlapRunning  ReasonCode = "overlap_running" // the previous run is still running
	ReasonOverlapWaiting  ReasonCode = "overlap_waiting" // it is still waiting
	ReasonOverlapQueued   ReasonCode = "overlap_queued"  // overlap = "queue": a pending run represents it
	ReasonOverlapInstant  ReasonCode = "overlap_instant" // a slot of another trigger at the same instant
	ReasonOverlapRequest  ReasonCode = "overlap_request" // a run of the same recurring request is pending
	ReasonCoalesced       ReasonCode = "coalesced"       // a newer slot was due, too
	ReasonCoalescedToSkip ReasonCode = "coalesced_skip"  // and that one was skipped
	ReasonQueueFull       ReasonCode = "queue_full"      // Detail: the queue; "": none
	ReasonLate            ReasonCode = "late"            // Span: by how much
	ReasonLateOutside     ReasonCode = "late_outside"    // Span; and the time is outside between
	ReasonMaxWait         ReasonCode = "max_wait"        // Span: max_wait, Detail: what its condition said
	ReasonCondition       ReasonCode = "condition"       // only_if did not hold, or failed; Next: its exit code, Detail: the last line of its output, or why it failed

	// Of pending runs, or runs that have been pending.
	ReasonRetry       ReasonCode = "retry"        // Last, Detail: why it ended, Next, Of, Span: until the next attempt
	ReasonSuperseded  ReasonCode = "superseded"   // By: the slot that replaces a further attempt
	ReasonReplaced    ReasonCode = "replaced"     // By: the newer slot
	ReasonCancelled   ReasonCode = "cancelled"    // By
	ReasonReleased    ReasonCode = "released"     // By
	ReasonRescheduled ReasonCode = "rescheduled"  // By, Detail: the trigger
	ReasonTaskGone    ReasonCode = "task_removed" // from the file
	ReasonCountsDown  ReasonCode = "counts_down"  // Next: how many runs are left
	ReasonCount       ReasonCode = "count"        // it has had all its runs
	ReasonUserChanged ReasonCode = "user_changed" // By: the user now, Detail: the user at the request
	ReasonTooMany     ReasonCode = "too_many"     // runs of its task are pending

	// Of running runs.
	ReasonRunsLate ReasonCode = "runs_late" // Span: for longer than that, Detail: how that follows from warn_after

	// Of runs that were started.
	ReasonExit        ReasonCode = "exit"         // Next: the code
	ReasonSignal      ReasonCode = "signal"       // Detail: its name
	ReasonTimeout     ReasonCode = "timeout"      // Span
	ReasonTimeoutOK   ReasonCode = "timeout_ok"   // Span; a time-out is its normal end
	ReasonError       ReasonCode = "error"        // Detail
	ReasonNotStarted  ReasonCode = "not_started"  // Detail
	ReasonStopped     ReasonCode = "stopped"      // By
	ReasonRotaStopped ReasonCode = "rota_stopped" // with it
	ReasonRotaKilled  ReasonCode = "rota_killed"  // with it
)

// TextReason is a reason that is only text.
func TextReason(text string) Reason { return Reason{Detail: text} }

// IsZero reports whether there is no reason.
func (r Reason) IsZero() bool {
	return r.Code == "" && r.Detail == "" && len(r.Notes) == 0
}

// Same reports whether two slots have the same reason, so that one summary row may include
// both.
func (r Reason) Same(o Reason) bool {
	return r.Code == o.Code && r.By == o.By && r.Detail == o.Detail && r.Since.Equal(o.Since) && r.Until.Equal(o.Until) &&
		r.Span == o.Span && r.Last == o.Last && r.Next == o.Next && r.Of == o.Of && strings.Join(r.Notes, "\n") == strings.Join(o.Notes, "\n")
}

// Is reports whether the reason is of one of these kinds.
func (r Reason) Is(codes ...ReasonCode) bool {
	for _, c := range codes {
		if r.Code == c {
			return true
		}
	}
	return false
}

// IsOverlap reports whether a slot was skipped because of another run of its task.
func (r Reason) IsOverlap() bool {
	return r.Is(ReasonOverlapRunning, ReasonOverlapWaiting, ReasonOverlapQueued, ReasonOverlapInstant, ReasonOverlapRequest)
}

// String is Text in the zone of this machine.
func (r Reason) String() string { return r.Text(time.Local) }

// Text is the reason for people, with times in a zone. It is the one place where
// reasons become text.
func (r Reason) Text(zone *time.Location) string {
	text := r.text(zone)
	for _, note := range r.Notes {
		if text != "" {
			text += "; "
		}
		text += note
	}
	return text
}

func (r Reason) text(zone *time.Location) string {
	by := func(what string) string {
		if r.By == "" {
			return what
		}
		return what + " by " + r.By
	}
	clock := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04:05 MST") }
	switch r.Code {
	case ReasonHeld:
		text := by("held")
		if !r.Since.IsZero() {
			text += " since " + clock(r.Since)
		}
		if !r.Until.IsZero() {
			text += " until " + clock(r.Until)
		}
		return withDetail(text, r.Detail)
	case ReasonSkipped:
		return by("skipped")
	case ReasonOverlapRunning:
		return "overlap: previous run still running"
	case ReasonOverlapWaiting:
		return "overlap: previous run still waiting"
	case ReasonOverlapQueued:
		return "overlap: a run is waiting"
	case ReasonOverlapInstant:
		return "overlap: a slot at the same time is waiting"
	case ReasonOverlapRequest:
		return "overlap: a run of this request is waiting"
	case ReasonCoalesced:
		return "coalesced with a newer slot"
	case ReasonCoalescedToSkip:
		return "coalesced with a newer slot, which was skipped"
	case ReasonQueueFull:
		if r.Detail == "" {
			return tooManyPending
		}
		return "queue full: " + r.Detail
	case ReasonLate:
		return "due " + spanText(r.Span) + " before rota could start it"
	case ReasonLateOutside:
		return "due " + spanText(r.Span) + " before rota could start it, which was outside between"
	case ReasonMaxWait:
		return withDetail("waiting for longer than max_wait = "+spanText(r.Span), r.Detail)
	case ReasonCondition:
		if r.Next > 0 {
			return withDetail(fmt.Sprintf("condition: exit %d", r.Next), r.Detail)
		}
		return withDetail("condition", r.Detail)
	case ReasonRetry:
		return fmt.Sprintf("%s; attempt %d of %d in %s", withDetail(string(r.Last), r.Detail), r.Next, r.Of, spanText(r.Span))
	case ReasonSuperseded:
		return "no further attempt: superseded by " + r.By
	case ReasonReplaced:
		return by("replaced")
	case ReasonCancelled:
		return by("cancelled")
	case ReasonReleased:
		return by("released")
	case ReasonRescheduled:
		return by("rescheduled to " + r.Detail)
	case ReasonTaskGone:
		return "the task is no longer in the file"
	case ReasonCountsDown:
		return fmt.Sprintf("runs left of count: %d", r.Next)
	case ReasonCount:
		return "no runs left of count"
	case ReasonUserChanged:
		return fmt.Sprintf("requested when the task ran as %s; now it runs as %s", userText(r.Detail), userText(r.By))
	case ReasonTooMany:
		return tooManyPending
	case ReasonRunsLate:
		text := "running for longer than " + spanText(r.Span)
		if r.Detail == "" {
			return text
		}
		return text + ", " + r.Detail
	case ReasonExit:
		return fmt.Sprintf("exit %d", r.Next)
	case ReasonSignal:
		return "killed by " + r.Detail
	case ReasonTimeout:
		return "after " + r.Span.String()
	case ReasonTimeoutOK:
		return "stopped at its time-out of " + r.Span.String()
	case ReasonNotStarted:
		return "could not start: " + r.Detail
	case ReasonStopped:
		return by("stopped")
	case ReasonRotaStopped:
		return "rota stopped"
	case ReasonRotaKilled:
		return "rota was killed"
	}
	return r.Detail
}

// tooManyPending is the text for a task without a queue.
const tooManyPending = "too many runs of the task are waiting"

func userText(user string) string { return cmp.Or(user, "the user of rota") }

// withDetail appends a detail to a text.
func withDetail(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + ": " + detail
}

// spanText writes a duration as the file does: "1h30m", "2d".
func spanText(d time.Duration) string {
	d = d.Round(time.Second)
	if d < time.Second {
		return "0s"
	}
	text := ""
	for _, unit := range []struct {
		name string
		span time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := d / unit.span; n > 0 {
			text += fmt.Sprint(int64(n), unit.name)
			d -= n * unit.span
		}
	}
	return strings.ReplaceAll(text, " ", "")
}

// packedPrefix is how a packed reason begins; no other text begins so.
const packedPrefix = "\x01"

// Pack encodes the reason as text, for UnpackReason; a reason without a code is its text,
// as earlier versions stored all reasons.
func (r Reason) Pack() string {
	if r.Code == "" && len(r.Notes) == 0 {
		return r.Detail
	}
	text, err := json.Marshal(r)
	if err != nil { // a time out of range
		return r.String()
	}
	return packedPrefix + string(text)
}

// UnpackReason decodes what [Reason.Pack] encoded; any other text is a reason of that text.
func UnpackReason(text string) Reason {
	packed, ok := strings.CutPrefix(text, packedPrefix)
	var r Reason
	if ok && json.Unmarshal([]byte(packed), &r) == nil {
		return r
	}
	return TextReason(text)
}
