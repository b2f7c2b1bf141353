// Package early catches the signals of a daemon before the other packages of the program
// are initialized: until then each signal would end the process, even a HUP, which requests
// a reload. It does not interpret the signals.
package early

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// caught receives the signals; nil: this process is not a daemon.
var caught chan os.Signal

// room is how many signals may be pending.
const room = 64

func init() {
	if isDaemon(os.Args) {
		caught = make(chan os.Signal, room)
		signal.Notify(caught, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2)
	}
}

// isDaemon reports whether the words of the command line are certainly those of a daemon.
// A signal ends all other commands, as usual.
func isDaemon(words []string) bool {
	if len(words) < 2 || strings.HasPrefix(words[0], "rota-") { // a helper
		return false
	}
	if words = words[1:]; len(words) > 2 && (words[0] == "-c" || words[0] == "--config") {
		words = words[2:]
	}
	return words[0] == "daemon"
}

// Signals returns the channel with the signals caught so far, for use with signal.Notify; in
// a process that is not a daemon, a new channel.
func Signals() chan os.Signal {
	if caught == nil {
		return make(chan os.Signal, room)
	}
	return caught
}
