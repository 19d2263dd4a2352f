package masks

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// date is a day of the calendar as written, without a time zone.
type date struct{ year, month, day int }

func makeDateTrunc(p parameters, s *setting) (textMask, error) {
	unit, band := p.text("unit"), p.count("band")
	if band == 0 {
		return nil, unavailable("parameter `band` is 0")
	}
	return func(text string) string {
		born, ok := parseDate(text)
		if !ok {
			return Hidden
		}
		var usual [8]byte
		switch unit {
		case "year":
			return string(digits(usual[:0], born.year, 4))
		case "month":
			return string(digits(append(digits(usual[:0], born.year, 4), '-'), born.month, 2))
		}
		today := s.today()
		age := today.year - born.year
		if today.month < born.month || today.month == born.month && today.day < born.day {
			age--
		}
		if age < 0 {
			return Hidden
		}
		low := age / band * band
		return fmt.Sprintf("%d–%d", low, low+band-1)
	}, nil
}

// digits appends a number with at least as many digits.
func digits(out []byte, number, least int) []byte {
	for rest := number; least > 1; least-- {
		if rest /= 10; rest == 0 {
			out = append(out, '0')
		}
	}
	return strconv.AppendInt(out, int64(number), 10)
}

// dateMarks are what may stand behind year, month and day.
var dateMarks = [][3]string{{"-", "-", ""}, {"/", "/", ""}, {".", ".", ""}, {"年", "月", "日"}}

// parseDate reads `1990-03-07`, `1990/3/7`, `1990.3.7`, `1990年3月7日` or `19900307`, optionally with a time of day.
func parseDate(text string) (date, bool) {
	year, rest, ok := leadingDigits(text, 4, 4)
	if !ok {
		return date{}, false
	}
	if month, after, ok := leadingDigits(rest, 2, 2); ok {
		day, tail, ok := leadingDigits(after, 2, 2)
		if !ok || tail != "" && (len(tail) != 6 || !allDigits(tail)) {
			return date{}, false
		}
		return valid(year, month, day)
	}
	for _, marks := range dateMarks {
		after, ok := strings.CutPrefix(rest, marks[0])
		if !ok {
			continue
		}
		month, after, ok := leadingDigits(after, 1, 2)
		if !ok {
			return date{}, false
		}
		if after, ok = strings.CutPrefix(after, marks[1]); !ok {
			return date{}, false
		}
		day, after, ok := leadingDigits(after, 1, 2)
		if !ok {
			return date{}, false
		}
		if after, ok = strings.CutPrefix(after, marks[2]); !ok || !isTimeOfDay(after) {
			return date{}, false
		}
		return valid(year, month, day)
	}
	return date{}, false
}

// leadingDigits reads as many digits as there are, up to most, and returns what follows.
func leadingDigits(text string, least, most int) (int, string, bool) {
	number, count := 0, 0
	for count < most && count < len(text) && '0' <= text[count] && text[count] <= '9' {
		number = number*10 + int(text[count]-'0')
		count++
	}
	return number, text[count:], count >= least
}

func isTimeOfDay(tail string) bool {
	if tail == "" {
		return true
	}
	if tail[0] != 'T' && tail[0] != ' ' {
		return false
	}
	return strings.Trim(tail[1:], "0123456789:.,+Zz-") == ""
}

func valid(year, month, day int) (date, bool) {
	if year < 1 || month < 1 || month > 12 || day < 1 {
		return date{}, false
	}
	last := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return date{year, month, day}, day <= last
}
