// quic.go: github.com/quic-go/quic-go.

package field

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"time"

	"github.com/quic-go/quic-go"
)

// quicTransport has quic-go's defaults: windows that grow by themselves to 6 MiB a stream and 15 MiB a connection, segmentation
// offload, and encryption, which the protocol does not go without. A channel is a stream in one direction.
type quicTransport struct {
	streams
	listener *quic.Listener
}

const quicProtocol = "xbench-rivals"

func quicConfig(channels int) *quic.Config {
	return &quic.Config{MaxIncomingUniStreams: int64(channels)}
}

func (q *quicTransport) listen(channels int) (addr string, err error) {
	certificate, err := newCertificate()
	if err != nil {
		return "", err
	}
	t := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{quicProtocol}, MinVersion: tls.VersionTLS13}
	if q.listener, err = quic.ListenAddr("127.0.0.1:0", t, quicConfig(channels)); err != nil {
		return "", err
	}
	return q.listener.Addr().String(), nil
}

// newCertificate is good for this trial. Who is at the other end nobody asks: the coordinator started both.
func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func (q *quicTransport) dial(ctx context.Context, addr string, channels int) error {
	t := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{quicProtocol}, MinVersion: tls.VersionTLS13}
	c, err := quic.DialAddr(ctx, addr, t, quicConfig(channels))
	if err == nil {
		q.session = quicSession{c}
	}
	return err
}

func (q *quicTransport) accept(ctx context.Context, channels int) error {
	c, err := q.listener.Accept(ctx)
	if err != nil {
		return err
	}
	q.session = quicSession{c}
	return q.acceptAll(ctx, channels)
}

func (q *quicTransport) close() error {
	err := q.streams.close()
	if q.listener != nil {
		return q.listener.Close()
	}
	return err
}

type quicSession struct{ *quic.Conn }

func (s quicSession) open(ctx context.Context) (stream, error) {
	out, err := s.OpenUniStreamSync(ctx)
	return quicStream{out}, err
}

func (s quicSession) accept(ctx context.Context) (io.Reader, error) { return s.AcceptUniStream(ctx) }
func (s quicSession) close() error                                  { return s.CloseWithError(0, "") }

type quicStream struct{ *quic.SendStream }

func (s quicStream) end() error { return s.Close() }
