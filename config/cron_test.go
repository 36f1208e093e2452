package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/config"
)

func TestParseCron(t *testing.T) {
	spec, err := config.ParseCron(" 30 2 * * 1-5 ")
	require.NoError(t, err)
	friday := time.Date(2026, 10, 23, 2, 30, 0, 0, time.UTC)
	require.Equal(t, time.Date(2026, 10, 26, 2, 30, 0, 0, time.UTC), spec.Next(friday), "by the clock on the wall, without a zone")

	for expression, want := range map[string]string{
		"":                                     "is no cron expression",
		"30 2 * *":                             "is no cron expression",
		"0 30 2 * * *":                         "is no cron expression", // seconds
		"61 2 * * *":                           "above maximum (59)",
		"0 0 * * 7":                            "Sunday is 0",
		"* *":                                  "is no cron expression",
		"@daily":                               "is no cron expression",
		"@every 5m":                            "is no cron expression",
		"TZ=UTC":                               "business.timezone is the zone of every schedule",
		"CRON_TZ=Asia/Seoul 30 2 * * *":        "business.timezone is the zone of every schedule",
		"0 0 30 2 *":                           "never comes",
		"every night at half past two, please": "is no cron expression",
	} {
		_, err := config.ParseCron(expression)
		require.ErrorContains(t, err, want, expression)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err = config.ParseCron("0 0 29 2 *")
	require.NoError(t, err, "a leap day comes")
}

func TestScheduleKeys(t *testing.T) {
	c, err := config.Load(config.Options{NoFile: true, Env: []string{"DULY_SCHEDULE_NIGHTLY=30 2 * * *", "DULY_SCHEDULE_OUTBOX=*/5 * * * *"}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"nightly": "30 2 * * *", "outbox": "*/5 * * * *"}, c.Schedule.Jobs())

	_, err = config.Load(config.Options{NoFile: true, Env: []string{"DULY_SCHEDULE_NIGHTLY=half past two"}})
	require.Len(t, problems(t, err), 1)
	require.ErrorContains(t, err, `schedule.nightly: "half past two" is no cron expression`)
	require.ErrorContains(t, err, "DULY_SCHEDULE_NIGHTLY")
}
