package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// certificate makes an address of this machine that no other script has, and a
// certificate of it that vouches for itself: a client that is to trust it names
// it in SSL_CERT_FILE.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certificate FILE NAME")
	}
	ip, cert, key, err := ownCertificate()
	ts.Check(err)
	ts.Setenv(args[1], ip)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".crt"), cert, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), key, 0o600))
}

// ownCertificate makes an address of this machine that nothing else has, and a
// certificate of it that vouches for itself, with its key.
func ownCertificate() (address string, certPEM, keyPEM []byte, err error) {
	ip := net.IPv4(127, 0, 0, 0)
	_, _ = rand.Read(ip[13:])                // it never fails
	ip[13], ip[15] = ip[13]&0x7f, ip[15]|0x1 // neither the first nor the last is an address of a machine
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, nil, err
	}
	template := x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{ip},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return "", nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	encode := func(kind string, b []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})
	}
	return ip.String(), encode("CERTIFICATE", cert), encode("PRIVATE KEY", secret), err
}
