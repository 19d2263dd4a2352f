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
	for _, own := range []struct {
		function, overload string
		part               func(time.Time) int
	}{
		{overloads.TimeGetFullYear, overloads.TimestampToYearWithTz, time.Time.Year},
		{overloads.TimeGetMonth, overloads.TimestampToMonthWithTz, func(t time.Time) int { return int(t.Month()) - 1 }},
		{overloads.TimeGetDayOfYear, overloads.TimestampToDayOfYearWithTz, func(t time.Time) int { return t.YearDay() - 1 }},
		{overloads.TimeGetDayOfMonth, overloads.TimestampToDayOfMonthZeroBasedWithTz, func(t time.Time) int { return t.Day() - 1 }},
		{overloads.TimeGetDate, overloads.TimestampToDayOfMonthOneBasedWithTz, time.Time.Day},
		{overloads.TimeGetDayOfWeek, overloads.TimestampToDayOfWeekWithTz, func(t time.Time) int { return int(t.Weekday()) }},
		{overloads.TimeGetHours, overloads.TimestampToHoursWithTz, time.Time.Hour},
		{overloads.TimeGetMinutes, overloads.TimestampToMinutesWithTz, time.Time.Minute},
		{overloads.TimeGetSeconds, overloads.TimestampToSecondsWithTz, time.Time.Second},
		{overloads.TimeGetMilliseconds, overloads.TimestampToMillisecondsWithTz, func(t time.Time) int { return t.Nanosecond() / 1e6 }},
	} {
		found = append(found, cel.Function(own.function, cel.MemberOverload(
			own.overload, []*cel.Type{cel.TimestampType, cel.StringType}, cel.IntType,
			cel.BinaryBinding(func(moment, zone ref.Val) ref.Val {
				there, err := location(string(zone.(types.String)))
				if err != nil {
					return types.NewErr("%s", err)
				}
				return types.Int(own.part(moment.(types.Timestamp).In(there)))
			}),
		)))
	}
	return found
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
