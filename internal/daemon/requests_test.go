package daemon

import (
	"testing"
	"time"

	"rota/internal/api"
)

// Many who ask in the same second, and give no id, each get a run of their own.
func TestIDsOfMany(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		const many = 1500 // some forty pairs of whom draw the same
		ada, ids := r.ada(), map[string]bool{}
		got := make(chan string)
		for range many {
			go func() {
				run, err := ada.Request(ada.ctx, api.Request{Task: "t", In: time.Hour}, nil)
				if err != nil {
					t.Error(err)
				}
				got <- run.ID
			}()
		}
		for range many {
			ids[<-got] = true
		}
		if len(ids) != many {
			t.Errorf("%d ids for %d requests", len(ids), many)
		}
	})
}
