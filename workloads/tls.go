// tls.go: the certificate of a trial's workers.

package workloads

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"math/big"
	"time"
)

// tlsName is whom both sides expect.
const tlsName = "xbench.invalid"

// trialTLS is the configuration of both sides of a trial: each shows a certificate, and each believes that one alone. All workers derive it from
// the trial's seed, so that nobody has to hand a key around, and none lies in the results. It protects nothing, for the seed is no secret: it
// makes the exchange do all the work of TLS. verified is called at each handshake.
func trialTLS(seed uint64, verified func(tls.ConnectionState)) (*tls.Config, error) {
	material := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("xbench trial "), seed))
	key := ed25519.NewKeyFromSeed(material[:])
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: tlsName}, DNSNames: []string{tlsName},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), // it is nobody's
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate of the trial: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate of the trial: %w", err)
	}
	only := x509.NewCertPool()
	only.AddCert(cert)
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}},
		ServerName:   tlsName,
		RootCAs:      only, ClientCAs: only, ClientAuth: tls.RequireAndVerifyClientCert,
		VerifyConnection:            func(s tls.ConnectionState) error { verified(s); return nil },
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true, // as core/net has it
	}, nil
}
