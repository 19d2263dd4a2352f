// Package engine decides by a bundle as the service does: docs/guides/client-contract.md, "How a request is decided".
package engine

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/fault"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// MostBytes bounds a bundle.
const MostBytes = 64 << 20

const format = 1

// Why is a stable word for what is wrong with a bundle.
type Why string

// What may be wrong with a bundle.
const (
	WrongFormat  Why = "wrong_format"
	WrongHash    Why = "wrong_hash"
	UnknownKey   Why = "unknown_key"
	BadSignature Why = "bad_signature"
	GoesBack     Why = "goes_back"
	GoldenCase   Why = "golden_case"
)

// Error lets a Why be the target of errors.Is.
func (w Why) Error() string { return string(w) }

func refuse(why Why, message string, args ...any) error {
	return fault.New(fault.Bundle, message, args...).Because(why)
}

// Trust has the public keys that may sign bundles, by id.
type Trust map[string]ed25519.PublicKey

// LoadTrust reads the keys of PEM files, or of all `.pub` and `.pem` files of folders; private keys are passed over.
func LoadTrust(paths []string) (Trust, error) {
	found := Trust{}
	for _, path := range paths {
		files := []string{path}
		if about, err := os.Stat(path); err == nil && about.IsDir() {
			files = nil
			for _, pattern := range []string{"*.pub", "*.pem"} {
				matches, err := filepath.Glob(filepath.Join(path, pattern))
				if err != nil {
					return nil, fault.New(fault.Configuration, "folder `%s` of trusted keys cannot be read", path).Because(err)
				}
				files = append(files, matches...)
			}
		}
		slices.Sort(files)
		for _, file := range files {
			if err := found.load(file); err != nil {
				return nil, err
			}
		}
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Configuration, "there is no trusted key; give the public keys of those who sign bundles")
	}
	return found, nil
}

func (t Trust) load(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fault.New(fault.Configuration, "trusted key `%s` cannot be read", path).Because(err)
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "PUBLIC KEY" {
			continue
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return fault.New(fault.Configuration, "trusted key `%s` is no Ed25519 key", path)
		}
		sum := sha256.Sum256(key)
		t[hex.EncodeToString(sum[:8])] = key
	}
	return nil
}

// Verify returns the bundle inside a file's bytes when a trusted key signed it and it is not older than what is in use.
func Verify(data []byte, trust Trust, inUse int64) (*pdpv1.SignedBundle, *pdpv1.Bundle, error) {
	if len(data) > MostBytes {
		return nil, nil, refuse(WrongFormat, "the bundle has %d bytes, more than %d", len(data), MostBytes)
	}
	signed := &pdpv1.SignedBundle{}
	if err := proto.Unmarshal(data, signed); err != nil || len(signed.GetBundle()) == 0 {
		return nil, nil, refuse(WrongFormat, "the file is not a bundle")
	}
	sum := sha256.Sum256(signed.GetBundle())
	if hex.EncodeToString(sum[:]) != signed.GetHash() {
		return nil, nil, refuse(WrongHash, "the bundle does not match its hash: it was damaged or altered")
	}
	if signed.GetKeyId() == "" || len(signed.GetSignature()) == 0 {
		return nil, nil, refuse(BadSignature, "the bundle is not signed")
	}
	key, ok := trust[signed.GetKeyId()]
	if !ok {
		return nil, nil, refuse(UnknownKey, "the bundle is signed by key `%s`, which is not trusted here", signed.GetKeyId())
	}
	message := append([]byte("jingxi revision 1\x00"), binary.BigEndian.AppendUint64(nil, uint64(signed.GetRevision()))...)
	if !ed25519.Verify(key, append(message, sum[:]...), signed.GetSignature()) {
		return nil, nil, refuse(BadSignature, "the signature of the bundle is wrong: it was altered")
	}
	if signed.GetRevision() < inUse {
		return nil, nil, refuse(GoesBack, "the bundle has revision %d, and %d is in use", signed.GetRevision(), inUse)
	}
	bundle := &pdpv1.Bundle{}
	if err := proto.Unmarshal(signed.GetBundle(), bundle); err != nil {
		return nil, nil, refuse(WrongFormat, "the bundle cannot be decoded")
	}
	if bundle.GetFormat() != format {
		return nil, nil, refuse(WrongFormat, "the bundle has form %d, this client reads form %d", bundle.GetFormat(), format)
	}
	return signed, bundle, nil
}
