// tls_test.go: who may talk to whom, and what the others hear.

package net_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	stdnet "net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"xbench/core"
	"xbench/core/net"
	"xbench/core/serde"
)

// identity is a certificate with its key, and what signed it.
type identity struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte // with those between it and its authority
}

// authority makes a certificate that may sign others, itself signed by by; nil: by itself.
func authority(t *testing.T, name string, by *identity) *identity {
	return issue(t, by, newKey(t), x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
}

// member makes a certificate of a process, for both roles unless purposes say otherwise.
func member(t *testing.T, by *identity, name string, purposes ...x509.ExtKeyUsage) *identity {
	return issue(t, by, newKey(t), x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: purposes})
}

func newKey(t *testing.T) crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t *testing.T, by *identity, key crypto.Signer, c x509.Certificate) *identity {
	t.Helper()
	id := &identity{key: key}
	parent := by
	if parent == nil {
		parent = &identity{cert: &c, key: key}
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	c.NotBefore = c.NotAfter.Add(-2 * time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, &c, parent.cert, key.Public(), parent.key)
	if err != nil {
		t.Fatal(err)
	}
	if id.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	id.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if by != nil && by.cert.CheckSignatureFrom(by.cert) != nil {
		id.pem = append(id.pem, by.pem...) // not a root: nobody else has it
	}
	return id
}

func (id *identity) keyPEM(t *testing.T) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// files writes what a process needs that is id and trusts ca.
func files(t *testing.T, id, ca *identity, fingerprints ...string) net.TLSFiles {
	t.Helper()
	folder := t.TempDir()
	place := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return net.TLSFiles{
		Cert: place("cert.pem", id.pem), Key: place("key.pem", id.keyPEM(t)), CA: place("ca.pem", ca.pem), Fingerprints: fingerprints,
	}
}

func config(t *testing.T, id, ca *identity, fingerprints ...string) *tls.Config {
	t.Helper()
	c, err := files(t, id, ca, fingerprints...).Config()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (id *identity) sha256() string {
	sum := sha256.Sum256(id.cert.Raw)
	return hex.EncodeToString(sum[:])
}

// sha1 is the fingerprint as keytool and openssl print it.
func (id *identity) sha1() string {
	sum := sha1.Sum(id.cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// atMost is c without the versions of TLS above version.
func atMost(version uint16, c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	c.MaxVersion = version
	return c
}

var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// One configuration serves both roles, whoever signed what, and what is sent arrives: records, counts and checksums.
func TestExchangeOverTLS(t *testing.T) {
	root := authority(t, "root", nil)
	between := authority(t, "between", root)
	producer, consumer, alone := member(t, root, "producer"), member(t, between, "consumer"), member(t, nil, "flink.internal")
	for _, c := range []struct {
		name     string
		out, in  *tls.Config
		segments int // bytes each
	}{
		{"one certificate for all", config(t, producer, root), config(t, producer, root), 256},
		{"one each", config(t, producer, root), config(t, consumer, root), 32 << 10},
		{"pinned by SHA-256", config(t, producer, root, consumer.sha256()), config(t, consumer, root, producer.sha256()), 4096},
		{"pinned by SHA-1", config(t, producer, root, consumer.sha1()), config(t, consumer, root, producer.sha1()), 4096},
		{"one of several", config(t, producer, root, producer.sha256(), consumer.sha1()), config(t, consumer, root, producer.sha1(), consumer.sha1()), 4096},
		{"signed by itself", config(t, root, root), config(t, root, root), 4096},
		{"signed by itself, and no authority", config(t, alone, alone), config(t, alone, alone), 4096}, // what keytool makes if not told otherwise
	} {
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%s", c.name, tls.VersionName(version)), func(t *testing.T) {
				out := open(t, core.Options{Listen: "127.0.0.1:0", Segments: 128, SegmentSize: c.segments, TLS: c.out, Lost: func(peer string, err error) {
					t.Errorf("the producer lost %s: %v", peer, err)
				}})
				in := open(t, core.Options{Segments: 128, SegmentSize: c.segments, TLS: atMost(version, c.in)})
				converse(t, out, in)
			})
		}
	}
}

// open opens an exchange that the test's end closes: every segment has to be home then.
func open(t *testing.T, o core.Options) *core.Exchange {
	t.Helper()
	x, err := core.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Errorf("after the test: %v", err)
		}
	})
	return x
}

// converse sends records of many sizes over three channels and compares what arrives, by count and checksum.
func converse(t *testing.T, out, in *core.Exchange) {
	t.Helper()
	const channels, records = 3, 600
	type sum struct {
		count int
		crc   uint32
	}
	add := func(s *sum, payload []byte) {
		s.count, s.crc = s.count+1, crc32.Update(s.crc, crc32.IEEETable, payload)
	}
	var sent, got [channels]sum
	w, err := out.NewWriter(t.Context(), core.WriterOptions{Subpartitions: channels, BufferTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var task sync.WaitGroup
	defer task.Wait()
	task.Go(func() {
		defer w.Close()
		for i := range records {
			payload := serde.Bytes(strings.Repeat(string(rune('a'+i%26)), i*i%3000))
			add(&sent[i%channels], payload)
			if err := w.EmitTo(i%channels, payload); err != nil {
				t.Error(err)
				return
			}
		}
		if err := w.End(); err != nil {
			t.Error(err)
		}
	})
	r, err := in.NewReader(t.Context(), core.ReaderOptions{Gates: [][]core.Input{inputs(out, channels)}})
	if err != nil {
		w.Fail(err)
		t.Fatal(err)
	}
	defer r.Close()
	for {
		a, err := r.Advance(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.Fail(err)
			t.Fatal(err)
		}
		for {
			payload, ok, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			add(&got[a.Channel], payload)
		}
	}
	task.Wait()
	if got != sent || sent[0].count != records/channels {
		t.Errorf("sent %+v, got %+v", sent, got)
	}
}

func inputs(out *core.Exchange, channels int) (all []core.Input) {
	for i := range channels {
		all = append(all, core.Input{Address: out.Addr(), Subpartition: i})
	}
	return all
}

// Who is not believed hears why, and so does the other side, in whatever version of TLS; nothing waits, nothing is lost, and the port goes on
// serving those who are.
func TestRefusals(t *testing.T) {
	root, other := authority(t, "root", nil), authority(t, "other root", nil)
	producer, consumer := member(t, root, "producer"), member(t, root, "consumer")
	stranger := member(t, other, "stranger")
	expired := issue(t, root, newKey(t), x509.Certificate{Subject: pkix.Name{CommonName: "expired"}, NotAfter: time.Now().Add(-time.Minute)})
	onlyServer := member(t, root, "only a server", x509.ExtKeyUsageServerAuth)
	onlyClient := member(t, root, "only a client", x509.ExtKeyUsageClientAuth)
	good := config(t, producer, root)
	nobody := config(t, consumer, root)
	nobody.Certificates, nobody.GetClientCertificate = nil, nil
	const refused = "refused the TLS handshake"
	for _, c := range []struct {
		name              string
		out, in           *tls.Config
		hears, othersHear string // the consumer, and the producer
	}{
		{"consumer of another authority", good, config(t, stranger, root), "unknown certificate authority", "unknown authority"},
		{"producer of another authority", config(t, stranger, root), config(t, consumer, root), "unknown authority", "bad certificate"},
		{"consumer without certificate", good, nobody, "", "didn't provide a certificate"},
		{"consumer with another fingerprint", config(t, producer, root, producer.sha256()), config(t, consumer, root), "bad certificate", consumer.sha256()},
		{"producer with another fingerprint", good, config(t, consumer, root, consumer.sha1()), producer.sha256(), "bad certificate"},
		{"expired consumer", good, config(t, expired, root), "expired certificate", "has expired"},
		{"expired producer", config(t, expired, root), config(t, consumer, root), "has expired", "bad certificate"},
		{"certificate for another role", good, config(t, onlyServer, root), "bad certificate", "incompatible key usage"},
		{"certificate for the other role", config(t, onlyClient, root), config(t, consumer, root), "incompatible key usage", "bad certificate"},
		{"consumer without TLS", good, nil, "this port expects TLS", "does not look like a TLS handshake"},
		{"producer without TLS", nil, config(t, consumer, root), "", "incorrect magic number"},
	} {
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%s", c.name, tls.VersionName(version)), func(t *testing.T) {
				lost := make(chan error, 1)
				out := open(t, core.Options{Listen: "127.0.0.1:0", Segments: 64, SegmentSize: 128, TLS: c.out, Lost: func(_ string, err error) { lost <- err }})
				in := open(t, core.Options{Segments: 64, SegmentSize: 128, TLS: atMost(version, c.in)})
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				err := readSomething(ctx, in, out)
				var remote *net.RemoteTransportError
				if !errors.As(err, &remote) || remote.Peer != out.Addr() || !strings.Contains(err.Error(), c.hears) {
					t.Errorf("the consumer heard %v, want %q", err, c.hears)
				}
				if strings.Contains(err.Error(), "remote error") && !strings.Contains(err.Error(), refused) && !strings.Contains(err.Error(), "connecting has failed") {
					t.Errorf("the consumer heard %v, want %q", err, refused)
				}
				select {
				case err := <-lost:
					if !strings.Contains(err.Error(), c.othersHear) {
						t.Errorf("the producer heard %v, want %q", err, c.othersHear)
					}
				case <-ctx.Done():
					t.Error("the producer heard nothing")
				}
				if free := out.FreeSegments(); free != 64 {
					t.Errorf("%d of 64 segments at home", free)
				}
				if c.out == good {
					converse(t, out, open(t, core.Options{Segments: 128, SegmentSize: 256, TLS: config(t, consumer, root)}))
				}
			})
		}
	}
}

// readSomething asks for a channel and says why nothing comes.
func readSomething(ctx context.Context, in, out *core.Exchange) error {
	r, err := in.NewReader(ctx, core.ReaderOptions{Gates: [][]core.Input{inputs(out, 1)}})
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = r.Advance(ctx)
	return err
}

// A peer that connects and says nothing, or something for ever, keeps nobody from closing.
func TestCloseDuringAHandshake(t *testing.T) {
	root := authority(t, "root", nil)
	for name, says := range map[string]string{"silent": "", "half a hello": "\x16\x03\x01\x00\xff\x01", "nonsense": "GET / HTTP/1.1\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			out := open(t, core.Options{Listen: "127.0.0.1:0", Segments: 4, SegmentSize: 64, TLS: config(t, root, root)})
			c, err := stdnet.Dial("tcp", out.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, says); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A Flink whose TLS nobody configured beyond switching it on offers one suite.
func TestFlinksDefaultSuite(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cluster := issue(t, nil, key, x509.Certificate{Subject: pkix.Name{CommonName: "flink.internal"}, IsCA: true, BasicConstraintsValid: true})
	flink := atMost(tls.VersionTLS12, config(t, cluster, cluster))
	flink.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	ours := config(t, cluster, cluster)
	for name, c := range map[string]struct{ out, in *tls.Config }{"as producer": {flink, ours}, "as consumer": {ours, flink}} {
		t.Run(name, func(t *testing.T) {
			converse(t, open(t, core.Options{Listen: "127.0.0.1:0", Segments: 64, SegmentSize: 4096, TLS: c.out}),
				open(t, core.Options{Segments: 64, SegmentSize: 4096, TLS: c.in}))
		})
	}
}

// A caller's own configuration does as well: without a name of the server in it, that is the address's host.
func TestTLSConfigurationOfTheCaller(t *testing.T) {
	root := authority(t, "root", nil)
	for _, c := range []struct {
		name, hears string
	}{{"127.0.0.1", ""}, {"192.0.2.1", "192.0.2.1, not 127.0.0.1"}} {
		t.Run(c.name, func(t *testing.T) {
			server := issue(t, root, newKey(t), x509.Certificate{IPAddresses: []stdnet.IP{stdnet.ParseIP(c.name)}})
			pair, err := tls.X509KeyPair(server.pem, server.keyPEM(t))
			if err != nil {
				t.Fatal(err)
			}
			trusted := x509.NewCertPool()
			trusted.AddCert(root.cert)
			out := open(t, core.Options{Listen: "127.0.0.1:0", Segments: 64, SegmentSize: 4096, TLS: &tls.Config{Certificates: []tls.Certificate{pair}}})
			in := open(t, core.Options{Segments: 64, SegmentSize: 4096, TLS: &tls.Config{RootCAs: trusted}})
			if c.hears == "" {
				converse(t, out, in)
			} else if err := readSomething(t.Context(), in, out); err == nil || !strings.Contains(err.Error(), c.hears) {
				t.Errorf("the consumer heard %v", err)
			}
		})
	}
}

// What is wrong with the files is said with their names.
func TestTLSFilesThatAreWrong(t *testing.T) {
	root := authority(t, "root", nil)
	good, others := files(t, root, root), files(t, authority(t, "other", nil), root)
	for says, f := range map[string]net.TLSFiles{
		"no-such-cert.pem":        {Cert: "no-such-cert.pem", Key: good.Key, CA: good.CA},
		"no-such-key.pem":         {Cert: good.Cert, Key: "no-such-key.pem", CA: good.CA},
		"no-such-ca.pem":          {Cert: good.Cert, Key: good.Key, CA: "no-such-ca.pem"},
		good.Key:                  {Cert: good.Key, Key: good.Key, CA: good.CA}, // no certificate in it
		others.Key:                {Cert: good.Cert, Key: others.Key, CA: good.CA},
		"no certificate in":       {Cert: good.Cert, Key: good.Key, CA: good.Key},
		`fingerprint "abc"`:       {Cert: good.Cert, Key: good.Key, CA: good.CA, Fingerprints: []string{"abc"}},
		`fingerprint "ab:cd:ef"`:  {Cert: good.Cert, Key: good.Key, CA: good.CA, Fingerprints: []string{root.sha256(), "ab:cd:ef"}},
		`fingerprint "sha256:00"`: {Cert: good.Cert, Key: good.Key, CA: good.CA, Fingerprints: []string{"sha256:00"}},
	} {
		if c, err := f.Config(); err == nil || c != nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
