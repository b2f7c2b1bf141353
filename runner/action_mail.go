package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"rota/internal/escape"
	"rota/internal/mail"
	"rota/runner/internal/process"
)

// attachMax bounds in bytes the output that goes with a mail; the end of a
// longer one does.
const attachMax = 5 << 20

// Mail is the action that sends a mail.
type Mail struct {
	To           []string
	Subject      string // a template; what it makes is put on one line
	Body         string // a template
	AttachOutput bool   // add the output of the run that the hook is about, if there is one
	Server       mail.Server
}

// Check returns what is wrong with the values. A server that is wrong is so for
// all mails, so that package config asks about it where it stands.
func (a *Mail) Check() []Problem { return a.check(taskFields) }

func (a *Mail) check(f fields) []Problem {
	var p problems
	if len(a.To) == 0 {
		p.add("to", "mail has no recipient", `write to = ["ops@example.org"]`)
	}
	for _, to := range a.To {
		if err := a.Server.CheckAddress(to); err != nil {
			hint := ""
			if (mail.Server{}).CheckAddress(to) == nil {
				hint = "an SMTP server needs the whole address, " + to + "@example.org"
			}
			p.add("to", err.Error(), hint)
		}
	}
	p = append(p, f.check("subject", a.Subject)...)
	return append(p, f.check("body", a.Body)...)
}

// Run sends the mail. It writes one line about it to out.
func (a *Mail) Run(ctx context.Context, in Input, out io.Writer) error {
	subject, err := render(ctx, "subject", a.Subject, in)
	if err != nil {
		return err
	}
	body, err := render(ctx, "body", a.Body, in)
	if err != nil {
		return err
	}
	m := mail.Message{To: a.To, Subject: cmp.Or(subject, "rota on "+in.Host+": "+in.Task), Body: body}
	if a.AttachOutput && in.Hook != nil && in.Hook.Output != "" {
		text, err := readOutput(in.Hook.Output)
		if err != nil {
			// The mail is sent without the attachment.
			m.Body += fmt.Sprintf("\n\n(the output of %s could not be attached: %v)\n", in.Hook.Run, err)
		} else {
			m.Attach = []mail.Attachment{{Name: process.FileName(in.Hook.Run) + ".log", Text: text}}
		}
	}
	if err := a.Server.Send(ctx, m); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "sent to %s\n", escape.Name(strings.Join(a.To, ", ")))
	return err
}

// readOutput reads the end of the output of a run.
func readOutput(path string) ([]byte, error) {
	f, info, err := process.OpenRegular(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("the file was removed")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	skip := max(0, info.Size()-attachMax)
	text, err := io.ReadAll(io.NewSectionReader(f, skip, attachMax))
	if err != nil {
		return nil, err
	}
	if skip > 0 {
		text = append(fmt.Appendf(nil, "[rota] the first %d bytes were omitted\n", skip), text...)
	}
	return text, nil
}
