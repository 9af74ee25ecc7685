// example_tls_test.go: an exchange whose connections are TLS in both directions.

package core_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"

	"xbench/core"
	"xbench/core/net"
	"xbench/core/serde"
)

// Both processes prove who they are, with one certificate for the whole cluster, which is also the only authority. Whoever does not have it
// gets no connection.
func ExampleOptions_tls() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cert, key := makeCertificate(dir)
	config, err := net.TLSFiles{Cert: cert, Key: key, CA: cert}.Config()
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	producer, err := core.Open(core.Options{Listen: "127.0.0.1:0", Segments: 64, TLS: config})
	if err != nil {
		log.Fatal(err)
	}
	w, err := producer.NewWriter(ctx, core.WriterOptions{Subpartitions: 1})
	if err != nil {
		log.Fatal(err)
	}
	var task sync.WaitGroup
	task.Go(func() {
		defer w.Close()
		if err := errors.Join(w.Emit(serde.Bytes("nobody else can read this")), w.End()); err != nil {
			log.Fatal(err)
		}
	})

	gates := [][]core.Input{{{Address: producer.Addr()}}}
	stranger, err := core.Open(core.Options{Segments: 64})
	if err != nil {
		log.Fatal(err)
	}
	r, err := stranger.NewReader(ctx, core.ReaderOptions{Gates: gates})
	if err == nil {
		_, err = r.Advance(ctx)
		r.Close()
	}
	fmt.Println("somebody without a certificate was refused:", err != nil)

	consumer, err := core.Open(core.Options{Segments: 64, TLS: config})
	if err != nil {
		log.Fatal(err)
	}
	r, err = consumer.NewReader(ctx, core.ReaderOptions{Gates: gates})
	if err != nil {
		log.Fatal(err)
	}
	for {
		if _, err := r.Advance(ctx); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			log.Fatal(err)
		}
		for {
			payload, ok, err := r.Next()
			if err != nil {
				log.Fatal(err)
			}
			if !ok {
				break
			}
			fmt.Println(string(payload))
		}
	}
	r.Close()
	task.Wait()
	fmt.Println(stranger.Close(), consumer.Close(), producer.Close())
	// Output:
	// somebody without a certificate was refused: true
	// nobody else can read this
	// <nil> <nil> <nil>
}

// makeCertificate writes a certificate that is signed by itself, and its key.
func makeCertificate(dir string) (cert, key string) {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "the cluster"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, secret.Public(), secret)
	if err != nil {
		log.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		log.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			log.Fatal(err)
		}
		return path
	}
	return write("cluster.pem", "CERTIFICATE", der), write("cluster.key", "PRIVATE KEY", pkcs8)
}
