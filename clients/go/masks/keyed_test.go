package masks

import (
	"crypto/aes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jingxi.dev/client/fault"
)

// The samples of NIST for FF1 (SP 800-38G, FF1samples.pdf).
func TestFF1AsNISTHasIt(t *testing.T) {
	const digits, letters = "0123456789", "0123456789abcdefghijklmnopqrstuvwxyz"
	const key = "2B7E151628AED2A6ABF7158809CF4F3C" + "EF4359D8D580AA4F" + "7F036D6F04FC6A94"
	for _, c := range []struct {
		bytes                       int
		alphabet, tweak, plain, out string
	}{
		{16, digits, "", "0123456789", "2433477484"},
		{16, digits, "39383736353433323130", "0123456789", "6124200773"},
		{16, letters, "3737373770717273373737", "0123456789abcdefghi", "a9tv40mll9kdu509eum"},
		{24, digits, "", "0123456789", "2830668132"},
		{24, digits, "39383736353433323130", "0123456789", "2496655549"},
		{24, letters, "3737373770717273373737", "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"},
		{32, digits, "", "0123456789", "6657667009"},
		{32, digits, "39383736353433323130", "0123456789", "1001623463"},
		{32, letters, "3737373770717273373737", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"},
	} {
		whole, err := hex.DecodeString(key)
		if err != nil {
			t.Fatal(err)
		}
		tweak, err := hex.DecodeString(c.tweak)
		if err != nil {
			t.Fatal(err)
		}
		block, err := aes.NewCipher(whole[:c.bytes])
		if err != nil {
			t.Fatal(err)
		}
		for _, decrypt := range []bool{false, true} {
			given, wanted := c.plain, c.out
			if decrypt {
				given, wanted = wanted, given
			}
			found, _ := alphabet{c.alphabet, 1}.convert(given, func(numerals []uint16) []uint16 {
				return ff1(block, len(c.alphabet), tweak, numerals, decrypt)
			})
			if found != wanted {
				t.Errorf("AES-%d, %q, decrypt %v: %s, not %s", 8*c.bytes, c.tweak, decrypt, found, wanted)
			}
		}
	}
}

var keys = KeysFromMap(map[string][]byte{
	"k16": []byte("0123456789abcdef"), "k24": []byte("0123456789abcdef01234567"),
	"k32": []byte("0123456789abcdef0123456789abcdef"), "odd": []byte("0123456789abcdef0"),
})

func TestEncryptAndBack(t *testing.T) {
	for _, c := range []struct {
		key, cipher string
		works       bool
	}{
		{"k16", CipherAES, true}, {"k24", CipherAES, true}, {"k32", CipherAES, true}, {"k16", CipherSM4, true},
		{"k24", CipherSM4, false}, {"odd", CipherAES, false}, {"none", CipherAES, false}, {"a b", CipherAES, false},
	} {
		mask, err := New("encrypt", map[string]any{"key": c.key, "cipher": c.cipher}, WithKeys(keys))
		if (err == nil) != c.works || err != nil && !errors.Is(err, fault.MaskUnavailable) {
			t.Errorf("%v: %v", c, err)
		}
		if err != nil {
			continue
		}
		seen := map[any]bool{}
		for range 2 {
			envelope, stays := mask.Mask("张三 13812348000")
			if plain, err := Decrypt(envelope.(string), keys); !stays || seen[envelope] || err != nil || plain != "张三 13812348000" {
				t.Errorf("%v: %s, %v", c, plain, err)
			}
			seen[envelope] = true
			data, err := base64.RawURLEncoding.DecodeString(envelope.(string))
			if err != nil {
				t.Fatal(err)
			}
			for i := range data {
				data[i] ^= 1
				if plain, err := Decrypt(base64.RawURLEncoding.EncodeToString(data), keys); err == nil {
					t.Errorf("with byte %d changed it is still %q", i, plain)
				}
				data[i] ^= 1
			}
		}
	}
	for _, text := range []string{"", "*", "AQE", strings.Repeat("A", 200)} {
		if plain, err := Decrypt(text, keys); !errors.Is(err, fault.MaskUnavailable) {
			t.Errorf("%q: %q, %v", text, plain, err)
		}
	}
}

func TestFPEAndBack(t *testing.T) {
	for name, values := range map[string][]string{
		"digits": {"138-1234-8000", "6222021234567890123", "身份证123456"}, "alnum": {"苏D40A00", "91350100M000100Y43"},
		"alnum-case": {"aB3d", "z.h_a-n9"},
	} {
		for _, value := range values {
			mask, err := New("fpe", map[string]any{"key": "k32", "alphabet": name, "tweak": "客户"}, WithKeys(keys))
			if err != nil {
				t.Fatal(err)
			}
			shown, _ := mask.Mask(value)
			if shown == value || len(shown.(string)) != len(value) {
				t.Errorf("%s became %s", value, shown)
			}
			if plain, err := DecryptFPE(shown.(string), "k32", name, "客户", keys); err != nil || plain != value {
				t.Errorf("%s became %s and %s, %v", value, shown, plain, err)
			}
			if other, err := DecryptFPE(shown.(string), "k32", name, "other", keys); err != nil || other == value {
				t.Errorf("another tweak gives %s, %v", other, err)
			}
		}
	}
	for _, c := range [][4]string{{"12345", "k32", "digits", ""}, {"123456", "odd", "digits", ""}, {"123456", "k32", "hex", ""}} {
		if plain, err := DecryptFPE(c[0], c[1], c[2], c[3], keys); !errors.Is(err, fault.MaskUnavailable) {
			t.Errorf("%v: %s, %v", c, plain, err)
		}
	}
}

func TestKeyProviders(t *testing.T) {
	const text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	folder := t.TempDir()
	for name, content := range map[string]string{"id-card.2026": text + "\n", "bad": "not base64!", "short": "c2hvcnQ="} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("JINGXI_KEY_ID_CARD_2026", text)
	t.Setenv("JINGXI_KEY_BAD", "not base64!")
	t.Setenv("JINGXI_KEY_SHORT", "c2hvcnQ=")
	for place, keys := range map[string]KeyProvider{"folder": KeysFromFolder(folder), "environment": KeysFromEnv("")} {
		if key, err := keys("id-card.2026"); err != nil || len(key) != 32 || key[31] != 31 {
			t.Errorf("%s: %v, %v", place, key, err)
		}
		for _, id := range []string{"other", "../id-card.2026", "", "a b"} {
			if key, err := keys(id); key != nil || err != nil {
				t.Errorf("%s, %q: %v, %v", place, id, key, err)
			}
		}
		for _, id := range []string{"bad", "short"} {
			if _, err := keys(id); !errors.Is(err, fault.KeyUnavailable) || strings.Contains(err.Error(), "c2hv") {
				t.Errorf("%s, %q: %v", place, id, err)
			}
			if _, err := New("hash", map[string]any{"key": id}, WithKeys(keys)); !errors.Is(err, fault.MaskUnavailable) {
				t.Errorf("%s, %q: %v", place, id, err)
			}
		}
	}
	if _, err := New("hash", map[string]any{"key": "k"}, WithKeys(func(string) ([]byte, error) {
		return nil, errors.New("the vault says password=hunter2")
	})); !errors.Is(err, fault.MaskUnavailable) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error is %v", err)
	}
}
