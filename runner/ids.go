package runner

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// slotLayout is the instant of a slot in a run's id: UTC, whole seconds.
const slotLayout = "20060102T150405Z"

// SlotID returns the id of the run of a slot: TASK/20261122T023000Z, with ~2
// appended in the second epoch of the cursor, and so on; epochs below 2 add
// nothing. It is the same wherever and whenever it is computed.
func SlotID(task string, at time.Time, epoch int) string {
	var room [len(slotLayout) + 4]byte
	key := at.UTC().AppendFormat(room[:0], slotLayout)
	if epoch > 1 {
		key = fmt.Appendf(key, "~%d", epoch)
	}
	return task + "/" + string(key)
}

// RecurringID returns the id of the run of one slot of a recurring request:
// TASK/KEY.20261122T023000Z, with the epoch as in [SlotID].
func RecurringID(request string, at time.Time, epoch int) string {
	task, key := SplitID(request)
	_, slot := SplitID(SlotID(task, at, epoch))
	return task + "/" + key + "." + slot
}

// StartOf returns what the slots of a task's at_start are of, as those of a recurring
// request are of that: TASK/~start.20261122T023000Z. Another trigger may come due at the
// same second. No request has such a key.
func StartOf(task string) string { return task + "/~start" }

// SplitID returns the task and the key (of the slot or request) of a run's id;
// key is "" if id names a task alone.
func SplitID(id string) (task, key string) {
	task, key, _ = strings.Cut(id, "/")
	return task, key
}

// NewKey returns a key for a request without one: eight letters and digits made of the time
// and random bits, so that later keys mostly sort later.
func NewKey(now time.Time) string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	n := uint64(now.Unix())<<15 | uint64(rand.Uint32()&(1<<15-1))
	var key [8]byte
	for i := len(key) - 1; i >= 0; i-- {
		key[i] = digits[n&31]
		n >>= 5
	}
	return string(key[:])
}
