// Package jsontext reads and writes JSON without losing anything that masking is about: numbers keep their digits
// (json.Number), and a lone surrogate written as an escape, which encoding/json replaces, keeps its place.
//
// In a Go string a lone surrogate is the three bytes that UTF-8 would have for it (WTF-8), so the string is no valid
// UTF-8 and every mask hides it whole.
package jsontext

import (
	"encoding/json"
	"errors"
	"unicode/utf16"
	"unicode/utf8"

	"jingxi.dev/client/fault"
)

const maxDepth = 1_000

// SyntaxError says that a text is no JSON (RFC 8259), at a byte of it. It never quotes the text.
type SyntaxError struct {
	Offset int
	What   string
}

// Error returns what is wrong.
func (e *SyntaxError) Error() string { return e.What }

var errEnd = errors.New("the text ends too early")

type decoder struct {
	data []byte
	at   int
}

// Decode returns the one JSON value of a text: nil, bool, json.Number, string, []any or map[string]any. Of members
// with the same name the last one counts.
func Decode(data []byte) (any, error) {
	d := decoder{data: data}
	value, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(d.data) {
		return nil, d.fail("something follows the value")
	}
	return value, nil
}

func (d *decoder) fail(what string) error { return &SyntaxError{d.at, what} }

func (d *decoder) space() {
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// next returns the next character that is no space, 0 at the end.
func (d *decoder) next() byte {
	d.space()
	if d.at < len(d.data) {
		return d.data[d.at]
	}
	return 0
}

func (d *decoder) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, d.fail("the value is nested too deeply")
	}
	switch ch := d.next(); {
	case ch == '{':
		return d.object(depth)
	case ch == '[':
		return d.list(depth)
	case ch == '"':
		return d.text()
	case ch == '-' || '0' <= ch && ch <= '9':
		return d.number()
	case ch == 't':
		return true, d.word("true")
	case ch == 'f':
		return false, d.word("false")
	case ch == 'n':
		return nil, d.word("null")
	}
	return nil, d.fail("a value is expected")
}

func (d *decoder) word(word string) error {
	if len(d.data)-d.at < len(word) || string(d.data[d.at:d.at+len(word)]) != word {
		return d.fail("a value is expected")
	}
	d.at += len(word)
	return nil
}

func (d *decoder) object(depth int) (any, error) {
	d.at++
	found := map[string]any{}
	if d.next() == '}' {
		d.at++
		return found, nil
	}
	for {
		if d.next() != '"' {
			return nil, d.fail("the name of a member is expected")
		}
		name, err := d.text()
		if err != nil {
			return nil, err
		}
		if d.next() != ':' {
			return nil, d.fail("`:` is expected")
		}
		d.at++
		value, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		found[name] = value
		switch d.next() {
		case ',':
			d.at++
		case '}':
			d.at++
			return found, nil
		default:
			return nil, d.fail("`,` or `}` is expected")
		}
	}
}

func (d *decoder) list(depth int) (any, error) {
	d.at++
	found := []any{}
	if d.next() == ']' {
		d.at++
		return found, nil
	}
	for {
		value, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		found = append(found, value)
		switch d.next() {
		case ',':
			d.at++
		case ']':
			d.at++
			return found, nil
		default:
			return nil, d.fail("`,` or `]` is expected")
		}
	}
}

func (d *decoder) digits() int {
	start := d.at
	for d.at < len(d.data) && '0' <= d.data[d.at] && d.data[d.at] <= '9' {
		d.at++
	}
	return d.at - start
}

func (d *decoder) is(chars ...byte) bool {
	for _, ch := range chars {
		if d.at < len(d.data) && d.data[d.at] == ch {
			return true
		}
	}
	return false
}

func (d *decoder) number() (any, error) {
	start := d.at
	if d.is('-') {
		d.at++
	}
	leading := d.is('0')
	if count := d.digits(); count == 0 || leading && count > 1 {
		return nil, d.fail("the number is not written as JSON has it")
	}
	if d.is('.') {
		d.at++
		if d.digits() == 0 {
			return nil, d.fail("the number is not written as JSON has it")
		}
	}
	if d.is('e', 'E') {
		d.at++
		if d.is('+', '-') {
			d.at++
		}
		if d.digits() == 0 {
			return nil, d.fail("the number is not written as JSON has it")
		}
	}
	return json.Number(d.data[start:d.at]), nil
}

func (d *decoder) text() (string, error) {
	d.at++
	start := d.at
	for d.at < len(d.data) {
		switch ch := d.data[d.at]; {
		case ch == '"':
			plain := d.data[start:d.at]
			d.at++
			if !utf8.Valid(plain) {
				return "", d.fail("the text is not valid UTF-8")
			}
			return string(plain), nil
		case ch == '\\':
			return d.escaped(start)
		case ch < 0x20:
			return "", d.fail("a control character stands in a text")
		}
		d.at++
	}
	return "", d.fail(errEnd.Error())
}

var simpleEscapes = map[byte]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escaped goes on with a text in which an escape was met.
func (d *decoder) escaped(start int) (string, error) {
	out := append([]byte{}, d.data[start:d.at]...)
	begun := start
	for d.at < len(d.data) {
		ch := d.data[d.at]
		switch {
		case ch == '"':
			if !utf8.Valid(d.data[begun:d.at]) {
				return "", d.fail("the text is not valid UTF-8")
			}
			d.at++
			return string(out), nil
		case ch < 0x20:
			return "", d.fail("a control character stands in a text")
		case ch != '\\':
			out = append(out, ch)
			d.at++
			continue
		}
		if d.at+1 >= len(d.data) {
			break
		}
		kind := d.data[d.at+1]
		if kind == 'u' {
			unit, ok := d.unit(d.at)
			if !ok {
				return "", d.fail("`\\u` is not followed by four hexadecimal digits")
			}
			d.at += 6
			if low, ok := d.unit(d.at); ok && utf16.IsSurrogate(unit) {
				if pair := utf16.DecodeRune(unit, low); pair != utf8.RuneError {
					d.at += 6
					out = utf8.AppendRune(out, pair)
					continue
				}
			}
			out = appendUnit(out, unit)
			continue
		}
		plain, ok := simpleEscapes[kind]
		if !ok {
			return "", d.fail("an escape is not one that JSON has")
		}
		out = append(out, plain)
		d.at += 2
	}
	return "", d.fail(errEnd.Error())
}

// unit reads `\uXXXX` at a place.
func (d *decoder) unit(at int) (rune, bool) {
	if at+6 > len(d.data) || d.data[at] != '\\' || d.data[at+1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, ch := range d.data[at+2 : at+6] {
		switch {
		case '0' <= ch && ch <= '9':
			unit = unit<<4 | rune(ch-'0')
		case 'a' <= ch && ch <= 'f':
			unit = unit<<4 | rune(ch-'a'+10)
		case 'A' <= ch && ch <= 'F':
			unit = unit<<4 | rune(ch-'A'+10)
		default:
			return 0, false
		}
	}
	return unit, true
}

// appendUnit appends a code unit; a lone surrogate as its three bytes, which utf8.AppendRune would replace.
func appendUnit(out []byte, unit rune) []byte {
	if utf16.IsSurrogate(unit) {
		return append(out, 0xE0|byte(unit>>12), 0x80|byte(unit>>6)&0xBF, 0x80|byte(unit)&0xBF)
	}
	return utf8.AppendRune(out, unit)
}

// DecodeMessage is Decode with an error of this module that says where the text goes wrong.
func DecodeMessage(data []byte) (any, error) {
	value, err := Decode(data)
	var syntax *SyntaxError
	if errors.As(err, &syntax) {
		return nil, fault.New(fault.MessageMismatch, "the message is not JSON: at byte %d %s", syntax.Offset, syntax.What)
	}
	return value, err
}
