package jingxi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
)

// certificate returns a certificate for the loopback, signed by itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shape := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pdp.test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	data, err := x509.CreateCertificate(rand.Reader, shape, shape, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(data)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{data}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	server, serverPool := certificate(t)
	own, ownPool := certificate(t)
	stranger, _ := certificate(t)
	for _, c := range []struct {
		name   string
		mutual bool
		config *tls.Config
		works  bool
	}{
		{"one way", false, &tls.Config{RootCAs: serverPool}, true},
		{"another authority", false, &tls.Config{RootCAs: ownPool}, false},
		{"the system's authorities", false, &tls.Config{}, false},
		{"mutual", true, &tls.Config{RootCAs: serverPool, Certificates: []tls.Certificate{own}}, true},
		{"without a certificate", true, &tls.Config{RootCAs: serverPool}, false},
		{"with a stranger's", true, &tls.Config{RootCAs: serverPool, Certificates: []tls.Certificate{stranger}}, false},
		{"plain text", false, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &tls.Config{Certificates: []tls.Certificate{server}}
			if c.mutual {
				config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ownPool
			}
			address, _ := serve(t, newFake(), grpc.Creds(credentials.NewTLS(config)))
			var options []Option
			if c.config != nil {
				options = append(options, WithTLS(c.config))
			}
			for _, target := range []string{address, address + "," + address} {
				client := connect(t, target, append(options, WithDeadline(5*time.Second))...)
				_, err := client.Decide(t.Context(), []string{"a"}, teller)
				if (err == nil) != c.works || err != nil && !errors.Is(err, Unavailable) {
					t.Errorf("%s: %v", target, err)
				}
			}
		})
	}
}

func TestToken(t *testing.T) {
	var seen []string
	f := newFake()
	f.before = func(ctx context.Context, _ string, _ int) error {
		found, _ := metadata.FromIncomingContext(ctx)
		f.set(func() { seen = append(seen, found.Get("authorization")...) })
		return nil
	}
	address, _ := serve(t, f)
	path := filepath.Join(t.TempDir(), "token")
	put := func(token string) {
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	decide := func(client *Client) error {
		_, err := client.Decide(t.Context(), []string{"a"}, teller)
		return err
	}
	put("first\n")
	fixed, read := connect(t, address, WithToken("fixed")), connect(t, address, WithTokenFile(path))
	if err := errors.Join(decide(fixed), decide(read)); err != nil {
		t.Fatal(err)
	}
	put("second one")
	if err := decide(read); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 3 || seen[0] != "Bearer fixed" || seen[1] != "Bearer first" || seen[2] != "Bearer second one" {
		t.Errorf("sent %q", seen)
	}
	put("")
	if err := decide(read); err == nil {
		t.Error("a call went without a token")
	}
}
