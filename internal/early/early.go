// Package early catches the signals of a daemon before the packages of the rest of
// the program are ready: until then each would end it, also the HUP that asks it to
// read its file. It knows nothing of what they mean.
package early

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// caught is where they go; nil: this is no daemon.
var caught chan os.Signal

// room is for how many may wait.
const room = 64

func init() {
	if isDaemon(os.Args) {
		caught = make(chan os.Signal, room)
		signal.Notify(caught, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2)
	}
}

// isDaemon reports whether the words of the command line are those of a daemon for
// sure. Of anything else a signal is the end, as of any program.
func isDaemon(words []string) bool {
	if len(words) < 2 || strings.HasPrefix(words[0], "rota-") { // a helper
		return false
	}
	if words = words[1:]; len(words) > 2 && (words[0] == "-c" || words[0] == "--config") {
		words = words[2:]
	}
	return words[0] == "daemon"
}

// Signals returns the channel on which what was caught waits, for whoever asks for
// signals from now on; a new one if nothing was.
func Signals() chan os.Signal {
	if caught == nil {
		return make(chan os.Signal, room)
	}
	return caught
}
