package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"rota/internal/escape"
	"rota/internal/trust"
)

const (
	passwordMax = 64 << 10 // bytes
	answersMax  = 1 << 20  // bytes of all answers of a server
)

// ports are the standard ports of the kinds of encryption.
var ports = map[string]int{"starttls": 587, "tls": 465, "none": 25}

// policies are the settings of go-mail for them. With tls the dialer encrypts, from the
// first byte on.
var policies = map[string]gomail.TLSPolicy{"starttls": gomail.TLSMandatory, "tls": gomail.NoTLS, "none": gomail.NoTLS}

// logins are the authentication methods on an encrypted connection, the best first.
var logins = []gomail.SMTPAuthType{
	gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1PLUS, gomail.SMTPAuthSCRAMSHA1,
	gomail.SMTPAuthCramMD5, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin,
}

// smtp sends the message to the server.
func (s Server) smtp(ctx context.Context, msg *gomail.Msg) error {
	kind := cmp.Or(s.TLS, "starttls")
	port := cmp.Or(s.Port, ports[kind])
	d := dialer{ctx: ctx, tls: kind == "tls", config: &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}}
	defer d.close()
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(timeout), gomail.WithHELO(hostName()), gomail.WithoutNoop(),
		gomail.WithTLSConfig(d.config), gomail.WithDialContextFunc(d.dial), gomail.WithTLSPolicy(policies[kind]),
	}
	password := s.Password
	if s.User != "" {
		if password == "" {
			var err error
			if password, err = readPassword(s.PasswordFile); err != nil {
				return err
			}
		}
		options = append(options, gomail.WithUsername(s.User), gomail.WithPassword(password))
		if kind == "none" {
			options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover)) // only methods that do not reveal the password
		} else {
			options = append(options, gomail.WithOpportunisticSMTPAuth(logins...))
		}
	}
	client, err := gomail.NewClient(s.Host, options...)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err == nil {
		err = client.SendWithSMTPClient(conn, msg)
		// An error after the server has accepted the message is ignored: to try
		// again would send it twice.
		if msg.IsDelivered() {
			err = nil
			_ = client.CloseWithSMTPClient(conn)
		}
	}
	if err == nil {
		return nil
	}
	text, _, _ := strings.Cut(err.Error(), ", affected message ID") // the id is of no use to the user
	if ctx.Err() != nil {
		text = context.Cause(ctx).Error()
	}
	return fmt.Errorf("mail by %s: %s", net.JoinHostPort(s.Host, strconv.Itoa(port)), hide(escape.Short(text, subjectMax), s.User, password))
}

// hide removes a password from a text, in all forms in which it was sent to the server,
// which may repeat it.
func hide(text, user, password string) string {
	if password == "" {
		return text
	}
	for _, secret := range []string{
		password, base64.StdEncoding.EncodeToString([]byte(password)),
		base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password)),
	} {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

// dialer connects to the server. The end of ctx closes the connection; go-mail itself
// checks ctx only while it connects.
type dialer struct {
	ctx    context.Context
	tls    bool // from the first byte on
	config *tls.Config
	conn   net.Conn
	stop   func() bool
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.conn = &boundedConn{Conn: raw, left: answersMax}
	d.stop = context.AfterFunc(d.ctx, func() { raw.Close() })
	if !d.tls {
		return d.conn, nil
	}
	_ = raw.SetDeadline(time.Now().Add(timeout))
	secure := tls.Client(d.conn, d.config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}

func (d *dialer) close() {
	if d.conn != nil {
		d.stop()
		d.conn.Close()
	}
}

// boundedConn fails when the server has sent too much.
type boundedConn struct {
	net.Conn
	left int
}

func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("the server said more than %d MiB", answersMax>>20)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// readPassword reads the file of a password. A line end at its end is not part of the
// password.
func readPassword(path string) (string, error) {
	f, err := trust.For(false).Open(path) // a link of another user could lead to any file of root
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("password_file: everyone may read or write %s; type: chmod o= %s", path, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, passwordMax+1))
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	if len(text) > passwordMax {
		return "", fmt.Errorf("password_file: %s is larger than %d KiB", path, passwordMax>>10)
	}
	const byteOrderMark = "\ufeff" // editors of Windows put it before a text
	password := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(string(text), byteOrderMark), "\n"), "\r")
	if password == "" {
		return "", errors.New("password_file: " + path + " is empty")
	}
	return password, nil
}

// hostName returns the name of this machine; "localhost" if it has none.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}
