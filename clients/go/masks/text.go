package masks

import (
	"strings"
	"unicode/utf8"
)

// Masks that hide characters of a text. Every function gets a text that is not empty and counts in code points.
//
// INVARIANT: each hides something. Where a rule would leave nothing hidden, because the value is too short or not of
// the expected form, the value is hidden whole.

// Hidden is what stands for a value whose form does not fit its mask.
const Hidden = "***"

// hiding is how hidden stretches are written.
type hiding struct {
	char   string
	length int
	// usual is a stretch that most are a part of.
	usual string
}

const usualStretch = 64

func newHiding(char string, length int) *hiding {
	return &hiding{char, length, strings.Repeat(char, max(usualStretch, length))}
}

// whole hides everything.
func (h *hiding) whole(text string) string { return h.stretch(utf8.RuneCountInString(text)) }

func (h *hiding) stretch(count int) string {
	if h.length > 0 {
		count = h.length
	}
	if size := count * len(h.char); size <= len(h.usual) {
		return h.usual[:size]
	}
	return strings.Repeat(h.char, count)
}

// usualBytes are enough for most masked texts; longer ones take memory of their own while they are written.
const usualBytes = 96

// between returns what is shown before and after some hidden characters.
func (h *hiding) between(before string, hidden int, after string) string {
	var usual [usualBytes]byte
	out := append(append(usual[:0], before...), h.stretch(hidden)...)
	return string(append(out, after...))
}

// span returns the text with the characters from start to end hidden, of so many; hidden whole when there is none.
func (h *hiding) span(text string, count, start, end int) string {
	if start >= end {
		return h.stretch(count)
	}
	first, last := start, end
	if count != len(text) {
		first = offset(text, start)
		last = first + offset(text[first:], end-start)
	}
	return h.between(text[:first], end-start, text[last:])
}

// rest returns the text with all hidden from a place on, in bytes; hidden whole when there is nothing.
func (h *hiding) rest(text string, place int) string {
	if place == len(text) {
		return h.whole(text)
	}
	return h.between(text[:place], utf8.RuneCountInString(text[place:]), "")
}

// offset returns where in a text a character begins.
func offset(text string, place int) int {
	for i := range text {
		if place == 0 {
			return i
		}
		place--
	}
	return len(text)
}

// piece appends a part of a text that is all shown or all hidden.
func (h *hiding) piece(out []byte, text string, hidden bool) []byte {
	if hidden {
		return append(out, h.stretch(utf8.RuneCountInString(text))...)
	}
	return append(out, text...)
}

// letters returns the text with those letters hidden that are (or, with outside, are not) from start to end; characters
// in skip are none and stay.
func (h *hiding) letters(text, skip string, start, end int, outside bool) string {
	var usual [usualBytes]byte
	out := usual[:0]
	index, from, hidden := 0, 0, false
	for i, ch := range text {
		hide := !isSkipped(skip, ch)
		if hide {
			hide = (start <= index && index < end) != outside
			index++
		}
		if hide != hidden {
			out = h.piece(out, text[from:i], hidden)
			from, hidden = i, hide
		}
	}
	// One piece: nothing is hidden, or everything.
	if from == 0 {
		return h.whole(text)
	}
	return string(h.piece(out, text[from:], hidden))
}

func isSkipped(skip string, ch rune) bool { return skip != "" && strings.ContainsRune(skip, ch) }

// countLetters returns how many characters are not in skip.
func countLetters(text, skip string) int {
	count := utf8.RuneCountInString(text)
	if skip != "" {
		for _, ch := range text {
			if isSkipped(skip, ch) {
				count--
			}
		}
	}
	return count
}

func makeFull(p parameters, _ *setting) (textMask, error) {
	return p.hiding().whole, nil
}

func makeKeep(p parameters, _ *setting) (textMask, error) {
	h, prefix, suffix, skip := p.hiding(), p.count("prefix"), p.count("suffix"), p.text("skip")
	return func(value string) string {
		count := countLetters(value, skip)
		switch {
		case count-suffix <= prefix:
			return h.whole(value)
		case skip == "":
			return h.span(value, count, prefix, count-suffix)
		}
		return h.letters(value, skip, prefix, count-suffix, false)
	}, nil
}

func makeMask(p parameters, _ *setting) (textMask, error) {
	h, prefix, suffix, skip := p.hiding(), p.count("prefix"), p.count("suffix"), p.text("skip")
	return func(value string) string {
		end := countLetters(value, skip) - suffix
		if end <= prefix {
			return h.whole(value)
		}
		return h.letters(value, skip, prefix, end, true)
	}, nil
}

func makeKeepRange(p parameters, _ *setting) (textMask, error) {
	h, from, to, skip := p.hiding(), p.count("from"), p.count("to"), p.text("skip")
	if to < from {
		return nil, unavailable("parameter `to` lies before `from`")
	}
	return func(value string) string {
		if countLetters(value, skip) < to {
			return h.whole(value)
		}
		return h.letters(value, skip, from-1, to, true)
	}, nil
}

func makeBefore(p parameters, _ *setting) (textMask, error) {
	h, find := p.hiding(), finder(p)
	return func(value string) string {
		place := find(value)
		if place <= 0 {
			return h.whole(value)
		}
		return h.between("", utf8.RuneCountInString(value[:place]), value[place:])
	}, nil
}

func makeAfter(p parameters, _ *setting) (textMask, error) {
	h, find, size := p.hiding(), finder(p), len(p.text("delimiter"))
	return func(value string) string {
		place := find(value)
		if place < 0 {
			return h.whole(value)
		}
		return h.rest(value, place+size)
	}, nil
}

// finder returns a function that tells where the delimiter stands, -1 for nowhere.
func finder(p parameters) func(string) int {
	delimiter, index := p.text("delimiter"), strings.Index
	if p.text("occurrence") == "last" {
		index = strings.LastIndex
	}
	return func(text string) int { return index(text, delimiter) }
}

func isDot(ch rune) bool {
	return ch >= 0xB7 && (ch == 0xB7 || ch == 0x2022 || ch == 0x2027 || ch == 0x30FB)
}

func isSpace(ch rune) bool { return ch == ' ' || ch >= 0xA0 && (ch == 0xA0 || ch == 0x3000) }

func isLatin(ch rune) bool {
	return 'A' <= ch && ch <= 'Z' || 'a' <= ch && ch <= 'z' || 0xC0 <= ch && ch <= 0x24F && ch != 0xD7 && ch != 0xF7
}

func makeName(p parameters, _ *setting) (textMask, error) {
	h := p.hiding()
	return func(value string) string {
		dotted := false
		// The first two characters of the name itself, where the first stands, and how many there are.
		var first [2]rune
		start, count, place := 0, 0, 0
		for _, ch := range value {
			if isDot(ch) {
				dotted = true
			} else if !isSpace(ch) {
				if count < len(first) {
					first[count] = ch
				}
				if count == 0 {
					start = place
				}
				count++
			}
			place++
		}
		if count == 0 {
			return h.whole(value)
		}
		shown := 1
		if !dotted && count > 2 && compoundSurnames[first] {
			shown = 2
		}
		var usual [usualBytes]byte
		out := usual[:0]
		place, count = 0, 0
		from, hidden, spaced := 0, false, false
		for i, ch := range value {
			isInitial := !dotted && spaced && place > start && isLatin(ch)
			spaced = isSpace(ch)
			hide := !spaced && !isDot(ch)
			if hide {
				hide = count >= shown && !isInitial
				count++
			}
			if hide != hidden {
				out = h.piece(out, value[from:i], hidden)
				from, hidden = i, hide
			}
			place++
		}
		// One piece: nothing is hidden, or everything.
		if from == 0 {
			return h.whole(value)
		}
		return string(h.piece(out, value[from:], hidden))
	}, nil
}

func makeEmail(p parameters, _ *setting) (textMask, error) {
	h, prefix := p.hiding(), p.count("prefix")
	return func(value string) string {
		at := strings.LastIndexByte(value, '@')
		if at <= 0 || at == len(value)-1 {
			return h.whole(value)
		}
		before := utf8.RuneCountInString(value[:at])
		start := 0
		if prefix < before {
			start = offset(value, prefix)
			before -= prefix
		}
		return h.between(value[:start], before, value[at:])
	}, nil
}

func makeAddress(p parameters, _ *setting) (textMask, error) {
	h, prefix, markers, exceptions := p.hiding(), p.count("prefix"), p.texts("markers"), p.texts("exceptions")
	endsWith := func(text string, words []string) bool {
		for _, word := range words {
			if strings.HasSuffix(text, word) {
				return true
			}
		}
		return false
	}
	var ends []rune
	for _, word := range markers {
		last, _ := utf8.DecodeLastRuneInString(word)
		ends = append(ends, last)
	}
	return func(value string) string {
		for i, ch := range value {
			isEnd := false
			for _, own := range ends {
				isEnd = isEnd || own == ch
			}
			if !isEnd {
				continue
			}
			end := i + utf8.RuneLen(ch)
			if endsWith(value[:end], markers) && !endsWith(value[:end], exceptions) {
				return h.rest(value, end)
			}
		}
		return h.rest(value, offset(value, prefix))
	}, nil
}

func isPhoneSeparator(ch rune) bool {
	return ch == '-' || ch == ' ' || ch == '(' || ch == ')' || ch == '（' || ch == '）'
}

// areaCode returns how many bytes at the start are an area code: 010, 02x or 0[3-9]xx, in parentheses or not.
func areaCode(text string) int {
	rest := withoutOne(text, "(", "（")
	digit := func(place int) bool { return place < len(rest) && '0' <= rest[place] && rest[place] <= '9' }
	switch {
	case !digit(1) || rest[0] != '0':
		return 0
	case rest[1] == '1' && digit(2) && rest[2] == '0', rest[1] == '2' && digit(2):
		rest = rest[3:]
	case '3' <= rest[1] && digit(2) && digit(3):
		rest = rest[4:]
	default:
		return 0
	}
	return len(text) - len(withoutOne(rest, ")", "）"))
}

// withoutOne returns the text without the one of these that it begins with.
func withoutOne(text string, one, other string) string {
	if rest, ok := strings.CutPrefix(text, one); ok {
		return rest
	}
	return strings.TrimPrefix(text, other)
}

func makeLandline(p parameters, _ *setting) (textMask, error) {
	h, suffix := p.hiding(), p.count("suffix")
	return func(value string) string {
		start := areaCode(value)
		hidden := -suffix
		for _, ch := range value[start:] {
			if !isPhoneSeparator(ch) {
				hidden++
			}
		}
		if hidden <= 0 {
			return h.whole(value)
		}
		var usual [usualBytes]byte
		out := usual[:0]
		from, inside := 0, false
		for i, ch := range value {
			hide := hidden > 0 && i >= start && !isPhoneSeparator(ch)
			if hide {
				hidden--
			}
			if hide != inside {
				out = h.piece(out, value[from:i], inside)
				from, inside = i, hide
			}
		}
		return string(h.piece(out, value[from:], inside))
	}, nil
}
