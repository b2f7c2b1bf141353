package peers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/schedule"
)

// ask is one question to all parsers: what comes first after an instant.
type ask struct {
	expr, zone string
	after      string // in that zone, as written in a table
}

const (
	minutes = "2006-01-02 15:04"
	hangs   = "hangs"
)

// answer returns what p says, in the words of the tables: the next two slots,
// each asked for from the one before, or why there are not two.
func (a ask) answer(p Parser) (says string) {
	defer func() {
		if recover() != nil {
			says = "panics"
		}
	}()
	zone, err := schedule.Zone(a.zone)
	if err != nil {
		return err.Error()
	}
	after, err := time.ParseInLocation(minutes, a.after, zone)
	if err != nil {
		return err.Error()
	}
	next, err := p.Parse(a.expr, zone)
	if err != nil {
		return "refused"
	}
	var slots []string
	for len(slots) < 2 {
		slot := next(after)
		if slot.IsZero() {
			slots = append(slots, "none")
			break
		}
		text := slot.In(zone).Format(layout(slot))
		if slot.Equal(after) {
			slots = append(slots, "stands still")
			break
		} else if slot.Before(after) {
			slots = append(slots, "back to "+text)
			break
		}
		slots = append(slots, text)
		after = slot
	}
	return strings.Join(slots, ", ")
}

// layout omits the seconds if they are zero.
func layout(t time.Time) string {
	if t.Second() == 0 {
		return minutes + " MST"
	}
	return minutes + ":05 MST"
}

// A call that never returns can only be left by ending its process, so this
// program is also the one that makes the call, with a second of processor time
// to live.
const alone = "PEERS_ASK"

func TestMain(m *testing.M) {
	if question := os.Getenv(alone); question != "" {
		second := &syscall.Rlimit{Cur: 1, Max: 1}
		if err := syscall.Setrlimit(syscall.RLIMIT_CPU, second); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		w := strings.Split(question, "|")
		fmt.Print(ask{w[1], w[2], w[3]}.answer(named(w[0])))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// answerAlone is answer for a call that may hang.
func (a ask) answerAlone(p Parser) string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), alone+"="+strings.Join([]string{p.Name, a.expr, a.zone, a.after}, "|"))
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return hangs
	}
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// named returns a parser by its name; the zero Parser if it does not exist.
func named(name string) Parser {
	for _, p := range All() {
		if p.Name == name {
			return p
		}
	}
	return Parser{}
}
