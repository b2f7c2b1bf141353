//go:build !linux

package ledger

import (
	"errors"
	"os"
)

// allocate is for Linux.
func allocate(*os.File, int64) error { return errors.ErrUnsupported }
