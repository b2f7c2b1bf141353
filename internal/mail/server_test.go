package mail

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate is that of the servers in this file; TestMain makes it one that
// this machine trusts.
var certificate tls.Certificate

func TestMain(m *testing.M) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	dir, err := os.MkdirTemp("", "rota-mail")
	if err != nil {
		panic(err)
	}
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		panic(err)
	}
	os.Setenv("SSL_CERT_FILE", roots)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// mailServer is an SMTP server as far as the tests need one.
type mailServer struct {
	t        *testing.T
	listener net.Listener
	implicit bool              // encrypted from the first byte on
	startTLS bool              // offered
	auth     string            // the offered methods; "": no login
	answers  map[string]string // instead of the usual one, by verb; "hang": none ever
	got      chan letter
	over     chan struct{}
}

// letter is a mail as the server got it.
type letter struct {
	from, login string
	to          []string
	encrypted   bool
	text        string
}

// serve starts the server; set changes how it is before it does.
func serve(t *testing.T, set func(*mailServer)) *mailServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{t: t, listener: l, answers: map[string]string{}, got: make(chan letter, 10), over: make(chan struct{})}
	set(s)
	t.Cleanup(func() { close(s.over); l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	return s
}

func (s *mailServer) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// talk is one connection.
func (s *mailServer) talk(conn net.Conn) {
	defer func() { conn.Close() }()
	var m letter
	if s.implicit {
		conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		m.encrypted = true
	}
	lines := bufio.NewReader(conn)
	say := func(verb, usual string) bool {
		text := usual
		if other, ok := s.answers[verb]; ok {
			text = other
		}
		if text == "hang" {
			<-s.over
			return false
		}
		fmt.Fprintf(conn, "%s\r\n", text)
		return true
	}
	if !say("", "220 test") {
		return
	}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		ok := true
		switch verb = strings.ToUpper(verb); verb {
		case "EHLO":
			text := "250-test\r\n"
			if s.startTLS && !m.encrypted {
				text += "250-STARTTLS\r\n"
			}
			if s.auth != "" {
				text += "250-AUTH " + s.auth + "\r\n"
			}
			ok = say(verb, text+"250 8BITMIME")
		case "STARTTLS":
			if ok = say(verb, "220 go ahead"); ok {
				conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
				lines = bufio.NewReader(conn)
				m.encrypted = true
			}
		case "AUTH":
			_, proof, _ := strings.Cut(rest, " ")
			plain, _ := base64.StdEncoding.DecodeString(proof)
			m.login = string(plain)
			ok = say(verb, "235 welcome")
		case "MAIL":
			m.from = rest
			ok = say(verb, "250 ok")
		case "RCPT":
			m.to = append(m.to, rest)
			ok = say(verb, "250 ok")
		case "DATA":
			if ok = say(verb, "354 go ahead"); !ok || s.answers[verb] != "" {
				break
			}
			var text strings.Builder
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(line)
			}
			m.text = text.String()
			if ok = say("taken", "250 taken"); ok && s.answers["taken"] == "" {
				s.got <- m
			}
		case "QUIT":
			say(verb, "221 bye")
			return
		default:
			ok = say(verb, "250 ok")
		}
		if !ok {
			return
		}
	}
}
