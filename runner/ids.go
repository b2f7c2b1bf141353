package runner

import (
	"fmt"
	"strings"
	"time"
)

// slotLayout is the instant of a slot in a run's id: UTC, whole seconds.
const slotLayout = "20060102T150405Z"

// SlotID returns the id of the run of a slot: TASK/20261122T023000Z, with ~2
// appended in the second epoch of the cursor, and so on; epochs below 2 add
// nothing. It is the same wherever and whenever it is computed.
func SlotID(task string, at time.Time, epoch int) string {
	id := task + "/" + at.UTC().Format(slotLayout)
	if epoch > 1 {
		id = fmt.Sprintf("%s~%d", id, epoch)
	}
	return id
}

// SplitID returns the task and the key (of the slot or request) of a run's id;
// key is "" if id names a task alone.
func SplitID(id string) (task, key string) {
	task, key, _ = strings.Cut(id, "/")
	return task, key
}

// fileName turns a run's id into the name of one file or folder. "+" is in
// neither task names nor keys, so different ids have different names.
func fileName(id string) string { return strings.Replace(id, "/", "+", 1) }
