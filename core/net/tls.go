// tls.go: how both ends of a connection prove who they are, and how they part when one does not believe the other.

package net

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"xbench/core/net/frame"
)

// TLSFiles name what a process proves itself with, and what it demands of the process at the other end. All files are PEM.
type TLSFiles struct {
	Cert string // this process's certificate, and behind it those between it and an authority, if any
	Key  string // the certificate's private key
	CA   string // certificates of the authorities that may have signed the peer's
	// Fingerprints pin the peer's certificate: besides being signed, it has to have one of them. SHA-256 or SHA-1 (Flink's
	// security.ssl.internal.cert.fingerprint), hex, with or without colons. None: whatever an authority signed will do.
	Fingerprints []string
}

// Config reads the files. The configuration serves both roles, producer and consumer. Each end always verifies the other's certificate:
// its signature, its time, its purpose and its fingerprint, but not the name of its host, as in Flink's internal connectivity, where
// certificates belong to a cluster rather than to a machine.
func (f TLSFiles) Config() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("TLS certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("TLS authorities: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("TLS authorities: no certificate in %s", f.CA)
	}
	check := peerCheck{authorities: authorities}
	for _, text := range f.Fingerprints {
		pin, err := parseFingerprint(text)
		if err != nil {
			return nil, err
		}
		check.pins = append(check.pins, pin)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: cipherSuites(),
		Certificates: []tls.Certificate{pair},
		// A server tells which authorities it accepts, and by default a client that has nothing from them stays silent. It had
		// better show what it has: then the server can say what is wrong with it.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
		ClientAuth:           tls.RequireAndVerifyClientCert,
		ClientCAs:            authorities,
		RootCAs:              authorities,
		// Go's own verification of a server insists on a name. check does all the rest of it.
		InsecureSkipVerify: true,
		VerifyConnection:   check.verify,
		// A resumed session would rest on an earlier look at the certificates; connections here are few and live long.
		SessionTicketsDisabled: true,
		// Records of full size from the first byte on: nobody waits for the first byte of a page here.
		DynamicRecordSizingDisabled: true,
	}, nil
}

// cipherSuites are Go's own choice for TLS 1.2, and the one suite that Flink's documentation gives as its default. It has no forward secrecy,
// so Go left it out; its order of preference, which nobody can change, takes it only with a peer that has nothing better.
func cipherSuites() []uint16 {
	suites := []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	for _, s := range tls.CipherSuites() {
		suites = append(suites, s.ID)
	}
	return suites
}

// peerCheck says whether a peer is to be believed.
type peerCheck struct {
	authorities *x509.CertPool
	pins        [][]byte // of sha256.Size or sha1.Size bytes
}

// verify is called at both ends, behind what Go itself verifies: nothing on a client, the chain on a server.
func (c *peerCheck) verify(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("tls: the peer showed no certificate")
	}
	leaf := s.PeerCertificates[0]
	if len(s.VerifiedChains) == 0 {
		between := x509.NewCertPool()
		for _, cert := range s.PeerCertificates[1:] {
			between.AddCert(cert)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: c.authorities, Intermediates: between}); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
		}
	}
	if len(c.pins) == 0 {
		return nil
	}
	long, short := sha256.Sum256(leaf.Raw), sha1.Sum(leaf.Raw)
	for _, pin := range c.pins {
		if bytes.Equal(pin, long[:]) || bytes.Equal(pin, short[:]) {
			return nil
		}
	}
	return &FingerprintError{Subject: leaf.Subject.String(), SHA256: hex.EncodeToString(long[:])}
}

// FingerprintError says that a peer's certificate is in order but not the one that was expected.
type FingerprintError struct {
	Subject string
	SHA256  string // its fingerprint, hex
}

func (e *FingerprintError) Error() string {
	return fmt.Sprintf("tls: the certificate of %q has another fingerprint than expected: SHA-256 %s", e.Subject, e.SHA256)
}

func parseFingerprint(text string) ([]byte, error) {
	pin, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), ":", ""))
	if err == nil && len(pin) != sha256.Size && len(pin) != sha1.Size {
		err = fmt.Errorf("%d bytes, want %d (SHA-256) or %d (SHA-1)", len(pin), sha256.Size, sha1.Size)
	}
	if err != nil {
		return nil, fmt.Errorf("TLS fingerprint %q: %w", text, err)
	}
	return pin, nil
}

const (
	// handshakeTimeout bounds a handshake at both ends (Netty's default, and so Flink's).
	handshakeTimeout = 10 * time.Second
	// partingTimeout bounds how long a side that has given up waits for the other to notice.
	partingTimeout = time.Second
)

// connectTLS secures a connection that this side made to address.
func connectTLS(ctx context.Context, c net.Conn, config *tls.Config, address string) (net.Conn, error) {
	if config.ServerName == "" && !config.InsecureSkipVerify { // a configuration of the caller's own, that does not say whom it expects
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return c, err
		}
		config = config.Clone()
		config.ServerName = host
	}
	t := tls.Client(c, config)
	return t, shakeHands(ctx, t)
}

// acceptTLS secures a connection that the other side made. A bare connection stays one.
func acceptTLS(c net.Conn) error {
	if t, ok := c.(*tls.Conn); ok {
		return shakeHands(context.Background(), t)
	}
	return nil
}

// shakeHands makes the handshake. If it fails the other side has heard why, but the connection is still to be closed.
func shakeHands(ctx context.Context, t *tls.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	err := t.HandshakeContext(ctx)
	if err == nil {
		return nil
	}
	if c := withoutTLS(err); c != nil {
		_, _ = c.Write(appendFatal(nil, errTLSRequired)) // in its own language it will understand
	}
	part(t.NetConn())
	return fmt.Errorf("TLS handshake failed: %w", err)
}

var errTLSRequired = errors.New("this port expects TLS")

// withoutTLS is the bare connection, if a handshake failed because a consumer began with a frame instead: its length, and the first byte of
// the magic number.
func withoutTLS(err error) net.Conn {
	var bare tls.RecordHeaderError
	if !errors.As(err, &bare) || bare.RecordHeader[0] != 0 || bare.RecordHeader[4] != frame.Magic>>24 {
		return nil
	}
	return bare.Conn
}

// part gives the other side time to read what it was told last: closing at once, with bytes of it unread, would reset the connection, and
// then all it learns is that.
func part(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok || tcp.CloseWrite() != nil {
		return
	}
	timer := time.AfterFunc(partingTimeout, func() { _ = c.Close() })
	defer timer.Stop()
	_, _ = io.Copy(io.Discard, c)
}

// isRefusal reports whether err is the other side's word that it does not accept this one's certificate, or the handshake as a whole. A
// client of TLS 1.3 hears it only when it reads.
func isRefusal(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}
