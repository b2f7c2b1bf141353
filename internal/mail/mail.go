// Package mail sends messages by an SMTP server or by the sendmail of this machine. It does
// not depend on tasks and runs.
package mail

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"os"
	"regexp"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"rota/internal/escape"
)

const (
	timeout    = time.Minute // to send a message, from the first packet to the last
	subjectMax = 500         // bytes
	toMax      = 100         // recipients
)

// Server is the server that takes messages. Its zero value is /usr/sbin/sendmail.
type Server struct {
	Host         string `json:",omitempty"` // "": sendmail
	Port         int    `json:",omitempty"` // 0: 587 for starttls, 465 for tls, 25 for none
	TLS          string `json:",omitempty"` // "starttls" ("" is that, too), "tls" or "none"
	From         string `json:",omitempty"` // "": rota@ and the name of this machine; with sendmail, its default
	User         string `json:",omitempty"` // "": no login
	PasswordFile string `json:",omitempty"` // read for each message
	Password     string `json:",omitempty"` // the content of that file, see [Server.Ask]; "": the file is read
}

// Ask returns the server with its password, so that a process without the right to read
// the file of the password can send a message.
func (s Server) Ask() (Server, error) {
	if s.PasswordFile == "" {
		return s, nil
	}
	password, err := readPassword(s.PasswordFile)
	s.Password = password
	return s, err
}

// Message is a mail to send.
type Message struct {
	To      []string // "ops@example.org", "Ops <ops@example.org>"; by sendmail also "root"
	Subject string   // sent on one line, invisible characters escaped
	Body    string   // plain text
	Attach  []Attachment
}

// Attachment is a file that is attached to a message.
type Attachment struct {
	Name string // without a directory
	Text []byte // plain text
}

// Send sends the message. The error, at the latest after a minute, never contains the
// password.
func (s Server) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %.0f s", timeout.Seconds()))
	defer cancel()
	msg, err := s.message(m)
	if err != nil {
		return err
	}
	if s.Host == "" {
		return sendmail(ctx, s.From, msg)
	}
	return s.smtp(ctx, msg)
}

// Check returns an error if the server is not valid; key is the key of [smtp] at fault.
func (s Server) Check() (key string, err error) {
	switch s.TLS {
	case "", "starttls", "tls", "none":
	default:
		return "tls", fmt.Errorf(`tls is "starttls", "tls" or "none", not %q`, s.TLS)
	}
	if s.From != "" {
		if err := s.CheckAddress(s.From); err != nil {
			return "from", err
		}
	}
	switch {
	case s.Host == "" && (s.Port != 0 || s.User != "" || s.PasswordFile != "" || s.TLS != ""):
		return "host", errors.New("host is needed")
	case strings.ContainsAny(s.Host, " \t\r\n/:") && !strings.Contains(s.Host, "::"):
		return "host", fmt.Errorf("%q is not a host name", s.Host)
	case s.Port < 0 || s.Port > 65535:
		return "port", fmt.Errorf("port %d is out of range", s.Port)
	case s.User != "" && s.PasswordFile == "":
		return "password_file", errors.New("password_file is needed with user")
	case s.User == "" && s.PasswordFile != "":
		return "user", errors.New("user is needed with password_file")
	}
	return "", nil
}

// local matches an address of a user of this machine.
var local = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}$`)

// CheckAddress returns an error if the text is not a valid address.
func (s Server) CheckAddress(text string) error {
	_, err := s.address(text)
	return err
}

// address converts an address to the form for a header: in ASCII, on one line.
func (s Server) address(text string) (string, error) {
	if s.Host == "" && local.MatchString(text) {
		return text, nil
	}
	a, err := netmail.ParseAddress(text)
	if err != nil || len(text) > 320 || strings.ContainsFunc(text, isControl) || strings.ContainsFunc(a.Name+a.Address, isControl) {
		return "", fmt.Errorf("%q is not a mail address", text)
	}
	return a.String(), nil
}

// message returns the message in the form that is sent.
func (s Server) message(m Message) (*gomail.Msg, error) {
	if len(m.To) == 0 {
		return nil, errors.New("the message has no recipient")
	}
	if len(m.To) > toMax {
		return nil, fmt.Errorf("more than %d recipients", toMax)
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	var to []string
	for _, text := range m.To {
		a, err := s.address(text)
		if err != nil {
			return nil, err
		}
		to = append(to, a)
	}
	if err := s.head(msg, to); err != nil {
		return nil, err
	}
	msg.Subject(escape.Short(m.Subject, subjectMax))
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday replies
	msg.SetBodyString(gomail.TypeTextPlain, m.Body)
	for _, a := range m.Attach {
		name := strings.NewReplacer("/", "_", `"`, "_", `\`, "_").Replace(escape.Short(a.Name, 200))
		err := msg.AttachReader(name, strings.NewReader(string(a.Text)), gomail.WithFileContentType(gomail.TypeTextPlain))
		if err != nil {
			return nil, err
		}
	}
	return msg, nil
}

// head sets the sender and the recipients. sendmail reads only the header, and accepts
// names of users, which go-mail does not accept as addresses.
func (s Server) head(msg *gomail.Msg, to []string) error {
	from := s.From
	if s.Host == "" {
		msg.SetGenHeader("To", strings.Join(to, ", "))
		if from == "" {
			return nil
		}
		from, err := s.address(from)
		if err != nil {
			return err
		}
		msg.SetGenHeader("From", from)
		return nil
	}
	msg.SetMessageID()
	if from == "" {
		from = "rota@" + hostName()
	}
	if err := msg.From(from); err != nil {
		return fmt.Errorf("from: %q is not a mail address", from)
	}
	return msg.To(to...)
}

// isControl reports whether a header must not contain the character: those that end a line,
// and those that control terminals.
func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
}

// Ready returns an error if this machine lacks the file of the password or, without a
// server, sendmail.
func (s Server) Ready() error {
	switch {
	case s.PasswordFile != "":
		_, err := readPassword(s.PasswordFile)
		return err
	case s.Host == "":
		info, err := os.Stat(sendmailPath)
		if err != nil || info.Mode().Perm()&0o111 == 0 {
			return fmt.Errorf("no program %s", sendmailPath)
		}
	}
	return nil
}
