package masks

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/big"
	"strings"
)

// Format-preserving encryption: FF1 of NIST SP 800-38G with AES.

const ff1Rounds = 10

// alphabet is what `fpe` encrypts; other characters stay in place.
type alphabet struct {
	characters string
	least      int
}

const mostNumerals = 64

var alphabets = map[string]alphabet{
	"digits":     {"0123456789", 6},
	"alnum":      {"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 4},
	"alnum-case": {"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 4},
}

func makeFPE(p parameters, s *setting) (textMask, error) {
	id := p.text("key")
	key, err := s.key(id)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, unavailable("there is no key `%s` of 16, 24 or 32 bytes", id)
	}
	chosen, tweak := alphabets[p.text("alphabet")], []byte(p.text("tweak"))
	return func(text string) string {
		shown, ok := chosen.convert(text, func(numerals []uint16) []uint16 {
			return ff1(block, len(chosen.characters), tweak, numerals, false)
		})
		if !ok {
			return Hidden
		}
		return shown
	}, nil
}

// DecryptFPE returns the value that `fpe` made into this text, for those who hold the key; key id, alphabet and tweak
// are those of the mask. It fails with fault.MaskUnavailable when the text is none that `fpe` makes or there is no key.
func DecryptFPE(text, key, alphabetName, tweak string, keys KeyProvider) (string, error) {
	chosen, ok := alphabets[alphabetName]
	if !ok {
		return "", unavailable("there is no alphabet `%s`", alphabetName)
	}
	found, err := (&setting{keys: keys}).key(key)
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(found)
	if err != nil {
		return "", unavailable("there is no key `%s` of 16, 24 or 32 bytes", key)
	}
	plain, ok := chosen.convert(text, func(numerals []uint16) []uint16 {
		return ff1(block, len(chosen.characters), []byte(tweak), numerals, true)
	})
	if !ok {
		return "", unavailable("the text has not as many characters of the alphabet as `fpe` makes")
	}
	return plain, nil
}

// convert puts other numerals in the place of a text's; false when they are too few or too many.
func (a alphabet) convert(text string, change func([]uint16) []uint16) (string, bool) {
	letters := []rune(text)
	numerals := make([]uint16, 0, len(letters))
	for _, ch := range letters {
		if place := a.place(ch); place >= 0 {
			numerals = append(numerals, uint16(place))
		}
	}
	if len(numerals) < a.least || len(numerals) > mostNumerals {
		return "", false
	}
	numerals = change(numerals)
	for i, ch := range letters {
		if a.place(ch) >= 0 {
			letters[i] = rune(a.characters[numerals[0]])
			numerals = numerals[1:]
		}
	}
	return string(letters), true
}

func (a alphabet) place(ch rune) int {
	if ch >= 0x80 {
		return -1
	}
	return strings.IndexByte(a.characters, byte(ch))
}

// ff1 returns the numerals encrypted or decrypted; SP 800-38G, algorithms 7 and 8, whose names it keeps.
func ff1(block cipher.Block, radix int, tweak []byte, x []uint16, decrypt bool) []uint16 {
	n, t := len(x), len(tweak)
	u := n / 2
	v := n - u
	power := func(m int) *big.Int { return new(big.Int).Exp(big.NewInt(int64(radix)), big.NewInt(int64(m)), nil) }
	moduli := [2]*big.Int{power(u), power(v)}
	largest := new(big.Int).Sub(moduli[1], big.NewInt(1))
	b := (largest.BitLen() + 7) / 8
	d := 4*((b+3)/4) + 4
	p := []byte{1, 2, 1, 0, 0, 0, ff1Rounds, byte(u)}
	p[3], p[4], p[5] = byte(radix>>16), byte(radix>>8), byte(radix)
	p = binary.BigEndian.AppendUint32(p, uint32(n))
	p = binary.BigEndian.AppendUint32(p, uint32(t))
	pad := (16 - (t+b+1)%16) % 16
	q := make([]byte, t+pad+1+b)
	copy(q, tweak)
	left, right := number(x[:u], radix), number(x[u:], radix)
	for round := range ff1Rounds {
		i, source := round, right
		if decrypt {
			i, source = ff1Rounds-1-round, left
		}
		q[t+pad] = byte(i)
		source.FillBytes(q[t+pad+1:])
		y := new(big.Int).SetBytes(expand(block, p, q, d))
		if decrypt {
			y.Sub(right, y)
			left, right = y.Mod(y, moduli[i%2]), left
		} else {
			y.Add(left, y)
			left, right = right, y.Mod(y, moduli[i%2])
		}
	}
	return append(numerals(left, radix, u), numerals(right, radix, v)...)
}

// expand returns the first d bytes of the round's pseudo-random stream.
func expand(block cipher.Block, p, q []byte, d int) []byte {
	r := make([]byte, 16)
	for _, part := range [][]byte{p, q} {
		for start := 0; start < len(part); start += 16 {
			for i := range r {
				r[i] ^= part[start+i]
			}
			block.Encrypt(r, r)
		}
	}
	s := append(make([]byte, 0, d+16), r...)
	for j := uint64(1); len(s) < d; j++ {
		var next [16]byte
		binary.BigEndian.PutUint64(next[8:], j)
		for i := range next {
			next[i] ^= r[i]
		}
		block.Encrypt(next[:], next[:])
		s = append(s, next[:]...)
	}
	return s[:d]
}

func number(digits []uint16, radix int) *big.Int {
	found, base := new(big.Int), big.NewInt(int64(radix))
	for _, digit := range digits {
		found.Mul(found, base).Add(found, big.NewInt(int64(digit)))
	}
	return found
}

func numerals(value *big.Int, radix, count int) []uint16 {
	digits := make([]uint16, count)
	rest, base, digit := new(big.Int).Set(value), big.NewInt(int64(radix)), new(big.Int)
	for i := count - 1; i >= 0; i-- {
		rest.QuoRem(rest, base, digit)
		digits[i] = uint16(digit.Uint64())
	}
	return digits
}
