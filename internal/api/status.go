package api

import (
	"time"
)

// Status is how a rota is.
type Status struct {
	Daemon   bool      `json:"daemon"` // false: none runs, and this is what it left
	Version  string    `json:"version,omitempty"`
	PID      int       `json:"pid,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Config   string    `json:"config"`
	Revision string    `json:"revision,omitempty"`
	Loaded   time.Time `json:"loaded,omitzero"`   // when the file that is in force was read
	Broken   string    `json:"broken,omitempty"`  // what is wrong with the file on the disk, which is not in force
	Differs  bool      `json:"differs,omitempty"` // the file on the disk, for whatever reason, is not the one that is in force
	StateDir string    `json:"state_dir"`
	Timezone string    `json:"timezone,omitempty"`

	Tasks    int  `json:"tasks"`
	Held     int  `json:"held"`
	Running  int  `json:"running"`
	Waiting  int  `json:"waiting"`
	Draining bool `json:"draining,omitempty"`

	Next        *Slot         `json:"next,omitempty"`
	Lag         float64       `json:"lag_seconds,omitempty"` // by how much the last slot was started late
	Epoch       int           `json:"epoch,omitempty"`
	Through     time.Time     `json:"through,omitzero"` // every slot until then is recorded
	Trouble     []string      `json:"trouble,omitempty"`
	Undelivered []Undelivered `json:"undelivered,omitempty"`

	LedgerBytes int64 `json:"ledger_bytes,omitempty"`
	OutputBytes int64 `json:"output_bytes,omitempty"`
}

// Undelivered is a notification target that could not be reached.
type Undelivered struct {
	Target  string    `json:"target"`
	Error   string    `json:"error"`
	Since   time.Time `json:"since,omitzero"`
	Waiting int       `json:"waiting,omitempty"` // notifications that will be tried again
	Dropped int       `json:"dropped,omitempty"` // that will not
}
