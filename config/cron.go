package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

const cronForm = `write minute, hour, day of month, month and day of week (0-6, Sunday is 0), such as "30 2 * * *"`

// ParseCron reads a cron expression of five fields. What it returns matches clock readings: times in UTC stand
// for what a clock on the wall shows, in whatever zone that hangs.
func ParseCron(s string) (*cron.SpecSchedule, error) {
	if strings.Contains(s, "TZ=") {
		return nil, fmt.Errorf("%s names a time zone: business.timezone is the zone of every schedule", quote(s))
	}
	parsed, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(s)
	if err != nil {
		return nil, fmt.Errorf("%s is no cron expression: %w: %s", quote(s), err, cronForm)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, errors.New("is no cron expression: " + cronForm)
	}
	spec.Location = time.UTC
	if spec.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("%s never comes: there is no such day; %s", quote(s), cronForm)
	}
	return spec, nil
}

func cronExpression(s string) (any, error) {
	if _, err := ParseCron(s); err != nil {
		return nil, err
	}
	return s, nil
}
