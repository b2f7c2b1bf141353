package process

import (
	"cmp"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// openStdin opens what a command reads: what the request gave, else what the task
// gives, else /dev/null.
func (l Launch) openStdin(as *Account) (*os.File, error) {
	if l.StdinFile != "" {
		f, _, err := OpenRegular(l.StdinFile)
		if err != nil {
			return nil, err
		}
		if as != nil {
			// It lies where only rota can go. But a command that opens its
			// stdin again, as /dev/stdin, must be able to read it.
			err = f.Chmod(0o644)
		}
		if err == nil {
			err = unix.SetNonblock(int(f.Fd()), false)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
	text := cmp.Or(l.Stdin, l.Settings.Stdin)
	if text == "" {
		return devNull()
	}
	return memfd("stdin", []byte(text))
}

// devNull is open as long as this process lives: each command that reads nothing gets it.
var devNull = sync.OnceValues(func() (*os.File, error) { return os.Open(os.DevNull) })

// closeStdin closes what openStdin has opened for one command.
func closeStdin(f *os.File) {
	if null, err := devNull(); err != nil || f != null {
		f.Close()
	}
}
