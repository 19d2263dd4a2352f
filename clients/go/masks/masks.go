// Package masks performs the masks of the catalogue: docs/guides/masking.md in code, held to it by the cases in
// tests/vectors/masking.json that all languages share.
//
// A mask that cannot be performed exactly as told, because its algorithm or one of its parameters is not known here or
// its key is missing, drops the field: nothing is better than something less strict than was decided.
package masks

import (
	"crypto/rand"
	"io"
	"time"
	"unicode/utf8"

	"jingxi.dev/client/fault"
)

// maxDepth bounds lists in lists; beyond it they are hidden whole.
const maxDepth = 64

// Masker is a mask ready to be performed. It is safe for concurrent use.
type Masker struct {
	kind kind
	text textMask
}

type kind int

const (
	onText kind = iota
	toNull
	drops
)

type textMask func(string) string

// setting is what a mask may draw on besides value and parameters.
type setting struct {
	keys   KeyProvider
	today  func() date
	nonces io.Reader
}

// Option changes what a mask draws on.
type Option func(*setting)

// WithKeys gives the keys of `hash`, `encrypt` and `fpe`.
func WithKeys(keys KeyProvider) Option {
	return func(s *setting) {
		if keys != nil {
			s.keys = keys
		}
	}
}

// WithToday sets the day that ages count to; by default the machine's local date at the time of masking.
func WithToday(day time.Time) Option {
	year, month, number := day.Date()
	return func(s *setting) { s.today = func() date { return date{year, int(month), number} } }
}

// WithNonceSource sets where `encrypt` reads its nonces, 12 bytes each; by default the system's random source. For
// tests: a nonce that comes twice under one key gives the plaintexts away.
func WithNonceSource(source io.Reader) Option {
	return func(s *setting) { s.nonces = source }
}

func localDate() date {
	year, month, day := time.Now().Date()
	return date{year, int(month), day}
}

// New returns the mask with this algorithm. Parameters are string, bool, any integer type, []string or []any of
// strings; those left out take their defaults. It fails with fault.MaskUnavailable when the mask cannot be performed
// exactly as told.
func New(algorithm string, given map[string]any, options ...Option) (*Masker, error) {
	s := setting{keys: NoKeys, today: localDate, nonces: rand.Reader}
	for _, option := range options {
		option(&s)
	}
	known, ok := algorithms[algorithm]
	if !ok {
		return nil, unavailable("this client does not know the algorithm `%s`", algorithm)
	}
	complete, err := known.complete(algorithm, given)
	if err != nil {
		return nil, err
	}
	switch algorithm {
	case "suppress":
		return &Masker{kind: drops}, nil
	case "null":
		return &Masker{kind: toNull}, nil
	}
	mask, err := known.make(complete, &s)
	if err != nil {
		return nil, err
	}
	return &Masker{text: mask}, nil
}

var suppressor = &Masker{kind: drops}

// Suppressor returns the mask that drops every value.
func Suppressor() *Masker { return suppressor }

// Mask returns what may be shown of a JSON value (as encoding/json gives it, numbers as json.Number or float64), and
// whether its field stays: false means that it must be left out. The value is never changed.
func (m *Masker) Mask(value any) (shown any, stays bool) {
	switch m.kind {
	case drops:
		return nil, false
	case toNull:
		return nil, true
	}
	return m.value(value, 0), true
}

// value masks whatever JSON may hold: see "Values that are no text" in docs/guides/masking.md.
func (m *Masker) value(value any, depth int) any {
	switch given := value.(type) {
	case nil:
		return nil
	case string:
		return m.onText(given)
	case []any:
		if depth >= maxDepth {
			return Hidden
		}
		items := make([]any, len(given))
		for i, item := range given {
			items[i] = m.value(item, depth+1)
		}
		return items
	}
	if text, ok := NumberText(value); ok {
		return m.onText(text)
	}
	return Hidden
}

func (m *Masker) onText(text string) string {
	if text == "" {
		return ""
	}
	// Lone surrogates, which internal/jsontext keeps as three bytes each, are no UTF-8 either.
	if !utf8.ValidString(text) {
		return Hidden
	}
	return m.text(text)
}

// Apply returns what a mask shows of a value and whether its field stays. A mask that cannot be performed drops it.
func Apply(algorithm string, parameters map[string]any, value any, options ...Option) (shown any, stays bool) {
	mask, err := New(algorithm, parameters, options...)
	if err != nil {
		return nil, false
	}
	return mask.Mask(value)
}

func unavailable(format string, args ...any) *fault.Error {
	return fault.New(fault.MaskUnavailable, format, args...)
}
