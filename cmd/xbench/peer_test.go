package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"xbench/core"
	"xbench/results"
)

// beginPeer starts "xbench peer" with args.
func beginPeer(t *testing.T, args ...string) *session {
	t.Helper()
	s := &session{Cmd: exec.Command(program, append([]string{"peer"}, args...)...)}
	s.Stdout, s.Stderr = &s.stdout, &s.stderr
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

var listeningOn = regexp.MustCompile(`listening on (\S+)\n`)

// beginServe starts a producer and returns its address.
func beginServe(t *testing.T, args ...string) (*session, string) {
	t.Helper()
	s := beginPeer(t, append([]string{"serve", "--timeout", "60s"}, args...)...)
	s.stderr.await(t, "\n")
	found := listeningOn.FindStringSubmatch(s.stderr.String())
	if found == nil {
		t.Fatalf("exit %d: %s", s.end(t), &s.stderr)
	}
	return s, found[1]
}

// peerReport is what --format json prints.
type peerReport struct {
	Schema, Kind, Reason string
	PartitionID          string `json:"partition_id"`
	ProducerID           string `json:"producer_id"`
	Complete             bool
	Channels             []peerChannel
	Total                peerNumbers
}

type peerChannel struct {
	Channel int
	peerNumbers
	CRC    string           `json:"payload_crc32"`
	Events []map[string]any `json:"events"`
}

type peerNumbers struct {
	Elements, Values uint64
	Sum              int64  `json:"value_sum"`
	Bytes            uint64 `json:"payload_bytes"`
}

func reportOf(t *testing.T, stdout string) (r peerReport) {
	t.Helper()
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || r.Schema != "xbench.peer/v1" {
		t.Fatalf("%v: %s", err, stdout)
	}
	return r
}

// cluster is a certificate that signs itself and serves both sides, as the flags that name it.
func cluster(t *testing.T) (flags []string, fingerprint string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cluster"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := place(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	keyFile := place(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	sum := sha256.Sum256(der)
	return []string{"--tls-cert", cert, "--tls-key", keyFile, "--tls-ca", cert}, hex.EncodeToString(sum[:])
}

// Our producer against our consumer, in processes of their own: both print the same, and it is what was sent.
func TestPeersAgree(t *testing.T) {
	const channels = 64
	secured, fingerprint := cluster(t)
	secured = append(secured, "--tls-fingerprint", fingerprint)
	for _, c := range []struct {
		transport string
		flags     []string
	}{{"plain", nil}, {"tls", secured}} {
		for _, exclusive := range []int{2, 0} {
			for _, floating := range []int{8, 1} {
				for _, segment := range []string{"32KiB", "4KiB"} {
					for _, slow := range []time.Duration{0, peerSlow} {
						for _, kind := range []string{"long", "elements"} {
							if kind == "elements" && (segment == "4KiB" || slow > 0) {
								continue // that makes no difference to what records are
							}
							records := peerRecords
							if exclusive == 2 && floating == 8 && segment == "32KiB" && slow == 0 && kind == "long" {
								records = peerRecordsFast
							}
							t.Run(fmt.Sprintf("%s/%d+%d/%s/slow=%v/%s", c.transport, exclusive, floating, segment, slow, kind), func(t *testing.T) {
								if records < 1_000_000 { // more have both cores to themselves
									t.Parallel()
								}
								both := append([]string{
									"--subpartitions", strconv.Itoa(channels), "--kind", kind, "--records", strconv.Itoa(records), "--exclusive", strconv.Itoa(exclusive),
									"--floating", strconv.Itoa(floating), "--segment-size", segment, "--format", "json",
								}, c.flags...)
								began := time.Now()
								producer, address := beginServe(t, both...)
								consumer := beginPeer(t, append([]string{"consume", "--connect", address, "--slow", slow.String(), "--timeout", "60s"}, both...)...)
								if code := consumer.end(t); code != results.ExitPass || consumer.stderr.String() != "" {
									t.Errorf("consumer: exit %d: %s", code, &consumer.stderr)
								}
								if code := producer.end(t); code != results.ExitPass || strings.Count(producer.stderr.String(), "\n") != 1 {
									t.Errorf("producer: exit %d: %s", code, &producer.stderr)
								}
								t.Logf("%d records in %.2f s", records, time.Since(began).Seconds())
								if sent, got := producer.stdout.String(), consumer.stdout.String(); sent != got {
									t.Fatalf("sent\n%s\ngot\n%s", sent, got)
								}
								checkReport(t, reportOf(t, consumer.stdout.String()), kind, channels, records)
							})
						}
					}
				}
			}
		}
	}
}

// checkReport compares with what must have been sent.
func checkReport(t *testing.T, r peerReport, kind string, channels, records int) {
	t.Helper()
	n := uint64(records)
	if !r.Complete || r.Kind != kind || len(r.Channels) != channels || r.Total.Values != n || r.Total.Sum != int64(n*(n-1)/2) {
		t.Errorf("%+v", r)
	}
	end := []map[string]any{{"event": "EndOfData", "mode": "DRAIN"}, {"event": "EndOfPartitionEvent"}}
	for i, c := range r.Channels {
		values := (n - uint64(i) + uint64(channels) - 1) / uint64(channels)
		want := peerNumbers{Elements: values, Values: values, Bytes: 8 * values, Sum: int64(values*uint64(i) + uint64(channels)*values*(values-1)/2)}
		if kind == "elements" {
			watermarks := n/watermarkEvery + 1
			want.Elements += watermarks
			want.Bytes += 9*values + 9*watermarks
		}
		if c.Channel != i || c.peerNumbers != want || !reflect.DeepEqual(c.Events, end) {
			t.Fatalf("channel %d: %+v, want %+v", i, c, want)
		}
	}
}

// As text, a line per channel, then all of them together.
func TestPeersAsText(t *testing.T) {
	t.Parallel()
	producer, address := beginServe(t, "--subpartitions", "2", "--records", "5", "--buffer-timeout", "never")
	consumer := beginPeer(t, "consume", "--connect", address, "--subpartitions", "2")
	if code := consumer.end(t); code != results.ExitPass {
		t.Errorf("exit %d: %s", code, &consumer.stderr)
	}
	if code := producer.end(t); code != results.ExitPass {
		t.Errorf("exit %d: %s", code, &producer.stderr)
	}
	const want = `channel=0 elements=3 values=3 value_sum=6 payload_bytes=24 payload_crc32=8a5a26bf events=[{"event":"EndOfData","mode":"DRAIN"},{"event":"EndOfPartitionEvent"}]
channel=1 elements=2 values=2 value_sum=4 payload_bytes=16 payload_crc32=62c90eac events=[{"event":"EndOfData","mode":"DRAIN"},{"event":"EndOfPartitionEvent"}]
channel=all elements=5 values=5 value_sum=10 payload_bytes=40
`
	if producer.stdout.String() != want || consumer.stdout.String() != want {
		t.Errorf("sent\n%s\ngot\n%s", &producer.stdout, &consumer.stdout)
	}
}

// Who cannot do what it was asked to says so: exit 1 if there was nobody to talk to, 5 if data is missing, and what was counted is printed.
func TestPeersThatDoNotPass(t *testing.T) {
	mine, fingerprint := cluster(t)
	others, _ := cluster(t)
	pinned := append([]string{"--tls-fingerprint", strings.Repeat("ab", 32)}, mine...)
	nowhere := "127.0.0.1:1" // nobody listens there
	tiny := []string{"--segment-size", "64", "--records", "10000"}
	const either = results.ExitCode(-1)   // 1 or 5: it may or may not have got something of the subpartition that there is
	const waits = results.ExitInterrupted // a producer that goes on waiting for a consumer, until the test has enough of it
	for _, c := range []struct {
		name           string
		serve, consume []string
		code           results.ExitCode // the consumer's
		says           string
		producer       results.ExitCode
		producerSays   string
	}{
		{"nobody there", nil, []string{"--connect", nowhere}, 1, "connection refused", 0, ""},
		{"another partition", nil, []string{"--partition-id", strings.Repeat("1", 40), "--timeout", "100ms"}, 5, "timed out after 100ms", waits, ""},
		{"fewer subpartitions", tiny, []string{"--subpartitions", "2", "--slow", "1ms"}, either, "Subpartition not found", 5, "left before the end"},
		{"another count", nil, []string{"--records", "99"}, 5, "100 records came, want 99", 0, ""},
		{"another kind", nil, []string{"--kind", "elements"}, 5, "channel 0, element 0: ", 5, "1 of 1 readers left before the end of the data"},
		{"elements for longs", []string{"--kind", "elements"}, nil, 5, "a record of 17 bytes is no long", 5, "left before the end"},
		{"a consumer that takes too long", tiny, []string{"--slow", "1ms", "--timeout", "200ms"}, 5, "timed out", 5, "left before the end"},
		{"a producer that takes too long", append([]string{"--timeout", "300ms"}, tiny...), []string{"--slow", "1ms"}, 5, "remote process", 5, "timed out after 300ms"},
		{"consumer without TLS", mine, nil, 1, "this port expects TLS", waits, "does not look like a TLS handshake"},
		{"producer without TLS", nil, mine, 1, "TLS handshake failed", waits, "incorrect magic number"},
		{"another authority", mine, others, 1, "unknown authority", waits, "consumer 127.0.0.1:"},
		{"another fingerprint", mine, pinned, 1, fingerprint, waits, "bad certificate"},
		{"another fingerprint there", pinned, mine, 1, "refused the TLS handshake", waits, fingerprint},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var producer *session
			connect := nowhere
			if c.name != "nobody there" {
				producer, connect = beginServe(t, append([]string{"--records", "100", "--format", "json"}, c.serve...)...)
			}
			consumer := beginPeer(t, append([]string{"consume", "--connect", connect, "--format", "json", "--timeout", "30s"}, c.consume...)...)
			code := consumer.end(t)
			if c.code == either && (code == results.ExitFailed || code == results.ExitInvalid) {
				code = either
			}
			if code != c.code || !strings.Contains(consumer.stderr.String(), c.says) {
				t.Errorf("consumer: exit %d: %s", code, &consumer.stderr)
			}
			if r := reportOf(t, consumer.stdout.String()); r.Complete || r.Reason == "" {
				t.Errorf("consumer: %+v", r)
			}
			if producer == nil {
				return
			}
			if c.producer == waits {
				producer.stderr.await(t, c.producerSays)
				if err := producer.Process.Signal(os.Interrupt); err != nil {
					t.Error(err)
				}
			}
			if code := producer.end(t); code != c.producer || !strings.Contains(producer.stderr.String(), c.producerSays) {
				t.Errorf("producer: exit %d: %s", code, &producer.stderr)
			}
			if r := reportOf(t, producer.stdout.String()); r.Complete != (c.producer == 0) {
				t.Errorf("producer: %+v", r)
			}
		})
	}
}

// A port that is taken, or memory that is too little to begin with, is a failure of one side alone.
func TestPeersThatCannotBegin(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	code, stdout, stderr := inShell("peer", "serve", "--listen", taken.Addr().String())
	if code != results.ExitFailed || stdout != "" || !strings.Contains(stderr, "address already in use") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// Ctrl-C and SIGTERM end a peer at once, whatever it is doing: what was counted is printed, and the other side hears that it is not all.
func TestInterruptedPeers(t *testing.T) {
	for signal, want := range map[syscall.Signal]results.ExitCode{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		interrupt := func(t *testing.T, s *session) peerReport {
			t.Helper()
			if err := s.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if code := s.end(t); code != want || !strings.Contains(s.stderr.String(), ": interrupted\n") {
				t.Errorf("exit %d: %s", code, &s.stderr)
			}
			r := reportOf(t, s.stdout.String())
			if r.Complete || r.Reason != "interrupted" {
				t.Errorf("%+v", r)
			}
			return r
		}
		t.Run(fmt.Sprintf("%s/producer without a consumer", signal), func(t *testing.T) {
			t.Parallel()
			producer, _ := beginServe(t, "--format", "json")
			interrupt(t, producer)
		})
		t.Run(fmt.Sprintf("%s/producer", signal), func(t *testing.T) {
			t.Parallel()
			producer, address := beginServe(t, "--records", "1000000", "--segment-size", "64", "--buffer-timeout", "1ms", "--format", "json")
			x := openExchange(t, core.Options{Segments: 16, SegmentSize: 64})
			r, err := x.NewReader(t.Context(), core.ReaderOptions{Gates: [][]core.Input{{{Address: address}}}})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := r.Advance(t.Context()); err != nil {
				t.Fatal(err)
			}
			interrupt(t, producer)
			for err == nil {
				_, err = r.Advance(t.Context())
			}
			if errors.Is(err, io.EOF) {
				t.Error("the consumer took the part for the whole")
			}
		})
		t.Run(fmt.Sprintf("%s/consumer", signal), func(t *testing.T) {
			t.Parallel()
			x := openExchange(t, core.Options{Listen: "127.0.0.1:0", Segments: 16, SegmentSize: 64})
			w, err := x.NewWriter(t.Context(), core.WriterOptions{Subpartitions: 1, BufferTimeout: core.FlushAlways})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			consumer := beginPeer(t, "consume", "--connect", x.Addr(), "--slow", "1ms", "--segment-size", "64", "--format", "json")
			for i := range int64(500) { // more than all buffers hold: the consumer has begun
				if err := w.EmitLong(0, i); err != nil {
					t.Fatal(err)
				}
			}
			if r := interrupt(t, consumer); r.Total.Values == 0 {
				t.Errorf("%+v", r)
			}
			var deserted *core.DesertedError
			if err := errors.Join(w.End(), w.AwaitReaders()); !errors.As(err, &deserted) {
				t.Errorf("the producer heard %v", err)
			}
		})
	}
}

// openExchange opens one that the test's end closes: every segment has to be home then.
func openExchange(t *testing.T, o core.Options) *core.Exchange {
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

func TestPeerUsage(t *testing.T) {
	cert, missing := place(t, "cert.pem", "no certificate"), filepath.Join(t.TempDir(), "no-such-file.pem")
	for _, c := range []struct{ line, says string }{
		{"peer", "serve, consume"},
		{"peer serve now", `"now"`},
		{"peer serve --kind string", "--kind"},
		{"peer serve --format table", "--format"},
		{"peer serve --subpartitions 0", "--subpartitions"},
		{"peer serve --subpartitions x", "--subpartitions"},
		{"peer serve --segment-size 1B", "--segment-size"},
		{"peer serve --segment-size big", "--segment-size"},
		{"peer serve --exclusive -1", "--exclusive"},
		{"peer serve --floating 0", "--floating"},
		{"peer serve --buffer-timeout 1us", "--buffer-timeout"},
		{"peer serve --listen here", "--listen"},
		{"peer serve --records -1", "--records"},
		{"peer serve --records 9223372036854775808", "--records"},
		{"peer serve --timeout -1s", "--timeout"},
		{"peer consume --connect :1 --frame-timeout 0s", "--frame-timeout"},
		{"peer serve --partition-id 12", "--partition-id"},
		{"peer serve --producer-id " + strings.Repeat("x", 80), "--producer-id"},
		{"peer serve --tls-cert " + cert, "--tls-ca"},
		{"peer serve --tls-fingerprint ab", "--tls-ca"},
		{"peer serve --tls-cert " + cert + " --tls-key " + cert + " --tls-ca " + cert, cert},
		{"peer serve --tls-cert " + missing + " --tls-key " + cert + " --tls-ca " + cert, missing},
		{"peer serve --slow 1s", "--slow"},
		{"peer consume", "--connect"},
		{"peer consume --connect here", "--connect"},
		{"peer consume --connect :1 --slow -1s", "--slow"},
		{"peer consume --connect :1 --listen :2", "--listen"},
	} {
		code, stdout, stderr := inShell(strings.Fields(c.line)...)
		if code != results.ExitUsage || stdout != "" || !strings.Contains(stderr, c.says) || !strings.Contains(stderr, "--help") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", c.line, code, stdout, stderr)
		}
	}
}
