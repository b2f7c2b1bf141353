package api

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Status is the state of a daemon.
type Status struct {
	Daemon   bool      `json:"daemon"` // false: no daemon runs, and the values come from its state directory
	Version  string    `json:"version,omitempty"`
	PID      int       `json:"pid,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Config   string    `json:"config"`
	ConfigID string    `json:"config_id,omitempty"` // [FileID] of Config, for callers who may not see the path
	Revision string    `json:"revision,omitempty"`
	Loaded   time.Time `json:"loaded,omitzero"`   // when the file in force was read
	Broken   string    `json:"broken,omitempty"`  // the fault of the file on the disk, which is not in force
	Differs  bool      `json:"differs,omitempty"` // the file on the disk is not the one in force, for whatever reason
	StateDir string    `json:"state_dir"`
	Timezone string    `json:"timezone,omitempty"`

	Tasks    int  `json:"tasks"`
	Held     int  `json:"held"`
	Running  int  `json:"running"`
	Waiting  int  `json:"waiting"`
	Draining bool `json:"draining,omitempty"`

	DrainingUntil time.Time `json:"draining_until,omitzero"`

	Next        *Slot         `json:"next,omitempty"`
	Lag         float64       `json:"lag_seconds,omitempty"` // how late the last slot was started
	Epoch       int           `json:"epoch,omitempty"`
	Through     time.Time     `json:"through,omitzero"` // every slot until then is recorded
	Trouble     []string      `json:"trouble,omitempty"`
	Undelivered []Undelivered `json:"undelivered,omitempty"`

	LedgerBytes int64 `json:"ledger_bytes,omitempty"`
	OutputBytes int64 `json:"output_bytes,omitempty"`
}

// FileID returns a hash of the absolute path of a file. Only a client that knows the path
// can match it.
func FileID(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:8])
}

// Undelivered is a notification target whose last delivery failed.
type Undelivered struct {
	Target  string    `json:"target"`
	Error   string    `json:"error"`
	Since   time.Time `json:"since,omitzero"`
	Waiting int       `json:"waiting,omitempty"` // notifications whose delivery will be tried again
	Dropped int       `json:"dropped,omitempty"` // notifications that were given up
}
