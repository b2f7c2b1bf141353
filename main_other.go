//go:build !linux

// Command rota is a task scheduler for Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "rota runs on Linux only: it needs pidfd, timerfd and SO_PEERGROUPS")
	os.Exit(1)
}
