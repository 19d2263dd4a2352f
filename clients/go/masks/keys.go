package masks

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"jingxi.dev/client/fault"
)

// KeyProvider returns the key with an id, nil when there is none. It must be safe for concurrent use.
type KeyProvider func(id string) ([]byte, error)

// MinKeyBytes is the least that a key of `hash` may have.
const MinKeyBytes = 16

var (
	keyID       = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\z`)
	toVariables = strings.NewReplacer(".", "_", "-", "_")
)

// NoKeys knows no key.
func NoKeys(string) ([]byte, error) { return nil, nil }

// KeysFromMap gives the keys of a map by id. The map must not be changed afterwards.
func KeysFromMap(keys map[string][]byte) KeyProvider {
	return func(id string) ([]byte, error) { return keys[id], nil }
}

// KeysFromEnv reads keys from environment variables in base64: the variable of the key `id-card.2026` with the prefix
// `JINGXI_KEY_` is `JINGXI_KEY_ID_CARD_2026`. An empty prefix means `JINGXI_KEY_`.
func KeysFromEnv(prefix string) KeyProvider {
	if prefix == "" {
		prefix = "JINGXI_KEY_"
	}
	return func(id string) ([]byte, error) {
		if !keyID.MatchString(id) {
			return nil, nil
		}
		name := prefix + strings.ToUpper(toVariables.Replace(id))
		text, ok := os.LookupEnv(name)
		if !ok {
			return nil, nil
		}
		return decodeKey(text, "environment variable `"+name+"`")
	}
}

// KeysFromFolder reads keys from files named as the key ids, in base64; white space around it does not count.
func KeysFromFolder(folder string) KeyProvider {
	return func(id string) ([]byte, error) {
		if !keyID.MatchString(id) {
			return nil, nil
		}
		path := filepath.Join(folder, id)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fault.New(fault.KeyUnavailable, "key file `%s` cannot be read", path).Because(err)
		}
		return decodeKey(string(text), "key file `"+path+"`")
	}
}

func decodeKey(text, place string) ([]byte, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, fault.New(fault.KeyUnavailable, "%s is not base64", place)
	}
	if len(key) < MinKeyBytes {
		return nil, fault.New(fault.KeyUnavailable,
			"%s holds %d bytes; use %d or more, 32 at best", place, len(key), MinKeyBytes)
	}
	return key, nil
}

// key returns the key of a mask. The provider's own words must not get into problems and logs, except for this
// module's, which hold no key.
func (s *setting) key(id string) ([]byte, error) {
	key, err := s.keys(id)
	if err == nil {
		return key, nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return nil, unavailable("%s", known.Message).Because(err)
	}
	return nil, unavailable("the key `%s` cannot be read", id).Because(err)
}
