package masks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
)

// The ciphers of `encrypt`.
const (
	CipherAES = "aes-gcm"
	CipherSM4 = "sm4-gcm"
)

const (
	envelopeVersion = 1
	nonceBytes      = 12
	tagBytes        = 16
)

var (
	cipherNumbers = map[string]byte{CipherAES: 1, CipherSM4: 2}
	envelopes     = base64.RawURLEncoding.Strict()
)

func makeHash(p parameters, s *setting) (textMask, error) {
	id, digits := p.text("key"), p.count("digits")
	key, err := s.key(id)
	if err != nil {
		return nil, err
	}
	if len(key) < MinKeyBytes {
		return nil, unavailable("there is no key `%s` of %d bytes or more", id, MinKeyBytes)
	}
	if digits < 16 || digits > 64 {
		return nil, unavailable("parameter `digits` is not from 16 to 64")
	}
	digest := sha256.New
	if p.text("digest") == "sm3" {
		digest = sm3.New
	}
	return func(text string) string {
		mac := hmac.New(digest, key)
		mac.Write([]byte(text))
		return hex.EncodeToString(mac.Sum(nil))[:digits]
	}, nil
}

// aead returns the cipher; nil when the key has a length that it does not take.
func aead(number byte, key []byte) cipher.AEAD {
	var block cipher.Block
	var err error
	switch number {
	case cipherNumbers[CipherAES]:
		block, err = aes.NewCipher(key)
	case cipherNumbers[CipherSM4]:
		block, err = sm4.NewCipher(key)
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	sealed, err := cipher.NewGCM(block)
	if err != nil {
		return nil
	}
	return sealed
}

func makeEncrypt(p parameters, s *setting) (textMask, error) {
	id, name := p.text("key"), p.text("cipher")
	if !keyID.MatchString(id) {
		return nil, unavailable("parameter `key` of `encrypt` is missing or wrong")
	}
	key, err := s.key(id)
	if err != nil {
		return nil, err
	}
	number := cipherNumbers[name]
	sealed := aead(number, key)
	if sealed == nil {
		return nil, unavailable("there is no key `%s` of a length that `%s` takes", id, name)
	}
	header := append([]byte{envelopeVersion, number, byte(len(id))}, id...)
	return func(text string) string {
		out := make([]byte, len(header)+nonceBytes, len(header)+nonceBytes+len(text)+tagBytes)
		copy(out, header)
		nonce := out[len(header):]
		if _, err := io.ReadFull(s.nonces, nonce); err != nil {
			return Hidden
		}
		return envelopes.EncodeToString(sealed.Seal(out, nonce, []byte(text), header))
	}, nil
}

// Decrypt returns the value inside an envelope that `encrypt` made, for those who hold its key. It fails with
// fault.MaskUnavailable when the text is no envelope, was altered, or its key is not there.
func Decrypt(envelope string, keys KeyProvider) (string, error) {
	data, err := envelopes.DecodeString(envelope)
	if err != nil || len(data) < 3 || data[0] != envelopeVersion || len(data) < 3+int(data[2])+nonceBytes+tagBytes {
		return "", unavailable("the text is not an envelope of `encrypt`")
	}
	start := 3 + int(data[2])
	id := string(data[3:start])
	key, err := (&setting{keys: keys}).key(id)
	if err != nil {
		return "", err
	}
	sealed := aead(data[1], key)
	if sealed == nil {
		return "", unavailable("there is no key for this envelope of a length that its cipher takes")
	}
	plain, err := sealed.Open(nil, data[start:start+nonceBytes], data[start+nonceBytes:], data[:start])
	if err != nil {
		return "", unavailable("the envelope was altered, or its key is another one")
	}
	return string(plain), nil
}
