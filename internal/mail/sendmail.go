package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	netmail "net/mail"
	"os/exec"
	"time"

	gomail "github.com/wneessen/go-mail"

	"rota/internal/escape"
)

// sendmailPath is the path at which all mail systems of Unix install sendmail.
var sendmailPath = "/usr/sbin/sendmail"

// sendmail sends the message by the sendmail of this machine. A line with only a dot does
// not end it (-i), and its header names the recipients (-t).
func sendmail(ctx context.Context, from string, msg *gomail.Msg) error {
	var text bytes.Buffer
	if _, err := msg.WriteTo(&text); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	args := []string{"-i", "-t"}
	if a, err := netmail.ParseAddress(from); err == nil {
		args = append(args, "-f", a.Address)
	}
	cmd := exec.CommandContext(ctx, sendmailPath, args...)
	cmd.Stdin = &text
	said := &head{left: 4 << 10}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = 2 * time.Second // its children may keep its output open
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("mail: %w; name a server in [smtp]", err)
	}
	if why := escape.Short(said.String(), subjectMax); why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	return fmt.Errorf("mail by %s: %w", sendmailPath, err)
}

// head keeps the first bytes that are written to it.
type head struct {
	bytes.Buffer
	left int
}

func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), h.left)
	h.left -= n
	h.Buffer.Write(p[:n])
	return len(p), nil
}
