package process

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"rota/internal/escape"
)

// OpenRegular opens a file of rota's own to read. A FIFO or a device is an error
// at once, where os.Open might wait for ever.
func OpenRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", escape.Name(path))
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
