package core

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"xbench/core/net"
)

// selfSigned is a configuration for both ends, with a certificate that is its own authority, in files in dir.
func selfSigned(dir string) (*tls.Config, error) {
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, public, secret)
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return nil, err
	}
	files := net.TLSFiles{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), CA: filepath.Join(dir, "cert.pem")}
	for _, block := range []struct {
		path, kind string
		der        []byte
	}{{files.Cert, "CERTIFICATE", cert}, {files.Key, "PRIVATE KEY", key}} {
		if err := os.WriteFile(block.path, pem.EncodeToMemory(&pem.Block{Type: block.kind, Bytes: block.der}), 0o600); err != nil {
			return nil, err
		}
	}
	return files.Config()
}
