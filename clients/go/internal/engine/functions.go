package engine

import (
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// functions are those that differ from cel-go's own: `getMilliseconds` of a duration is the part below the second, as the
// service has it (cel-go gives the whole duration), and time zones are read once (cel-go reads them at each call).
func functions() []cel.EnvOption {
	found := []cel.EnvOption{cel.Function(overloads.TimeGetMilliseconds, cel.MemberOverload(
		overloads.DurationToMilliseconds, []*cel.Type{cel.DurationType}, cel.IntType,
		cel.UnaryBinding(func(value ref.Val) ref.Val {
			return types.Int(value.(types.Duration).Duration % time.Second / time.Millisecond)
		}),
	))}
	for overload, own := range zonedParts {
		found = append(found, cel.Function(own.function, cel.MemberOverload(
			overload, []*cel.Type{cel.TimestampType, cel.StringType}, cel.IntType,
			cel.BinaryBinding(func(moment, zone ref.Val) ref.Val {
				there, err := location(string(zone.(types.String)))
				if err != nil {
					return types.NewErr("%s", err)
				}
				return types.Int(own.of(moment.(types.Timestamp).In(there)))
			}),
		)))
	}
	return found
}

// zonedParts are what conditions ask of times in a time zone, by overload: the function's name, and what it gives.
var zonedParts = map[string]struct {
	function string
	of       func(time.Time) int
}{
	overloads.TimestampToYearWithTz:                {overloads.TimeGetFullYear, time.Time.Year},
	overloads.TimestampToMonthWithTz:               {overloads.TimeGetMonth, func(t time.Time) int { return int(t.Month()) - 1 }},
	overloads.TimestampToDayOfYearWithTz:           {overloads.TimeGetDayOfYear, func(t time.Time) int { return t.YearDay() - 1 }},
	overloads.TimestampToDayOfMonthZeroBasedWithTz: {overloads.TimeGetDayOfMonth, func(t time.Time) int { return t.Day() - 1 }},
	overloads.TimestampToDayOfMonthOneBasedWithTz:  {overloads.TimeGetDate, time.Time.Day},
	overloads.TimestampToDayOfWeekWithTz:           {overloads.TimeGetDayOfWeek, func(t time.Time) int { return int(t.Weekday()) }},
	overloads.TimestampToHoursWithTz:               {overloads.TimeGetHours, time.Time.Hour},
	overloads.TimestampToMinutesWithTz:             {overloads.TimeGetMinutes, time.Time.Minute},
	overloads.TimestampToSecondsWithTz:             {overloads.TimeGetSeconds, time.Time.Second},
	overloads.TimestampToMillisecondsWithTz:        {overloads.TimeGetMilliseconds, func(t time.Time) int { return t.Nanosecond() / 1e6 }},
}

// locations are the time zones that conditions have named so far; they name few.
var locations sync.Map

func location(name string) (*time.Location, error) {
	if known, ok := locations.Load(name); ok {
		return known.(*time.Location), nil
	}
	found, err := offset(name)
	if found == nil && err == nil {
		found, err = time.LoadLocation(name)
	}
	if err == nil {
		locations.Store(name, found)
	}
	return found, err
}

// offset reads `+08:00`, `-05:30` or `08:00`; nil for the name of a zone.
func offset(name string) (*time.Location, error) {
	if !strings.Contains(name, ":") {
		return nil, nil
	}
	text := name
	if text[0] != '+' && text[0] != '-' {
		text = "+" + text
	}
	moment, err := time.Parse("-07:00", text)
	if err != nil {
		return nil, err
	}
	_, seconds := moment.Zone()
	return time.FixedZone("", seconds), nil
}
