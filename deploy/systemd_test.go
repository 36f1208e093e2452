package deploy_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/config"
)

// setting is the value of a key of a unit.
func setting(t *testing.T, unit, key string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(read(t, "systemd/"+unit), -1)
	require.Len(t, found, 1, "%s of %s", key, unit)
	return found[0][1]
}

// Everything that waits for a run to drain grants more than run.drain.
func TestTheGraceOfAStop(t *testing.T) {
	var drain string
	for _, key := range config.Keys() {
		if key.Name == "run.drain" {
			drain = key.Default
		}
	}
	d, err := time.ParseDuration(drain)
	require.NoError(t, err)
	require.Equal(t, "45", setting(t, "duly.service", "TimeoutStopSec"))
	require.Equal(t, "45", setting(t, "duly-schedule.service", "TimeoutStopSec"))
	require.LessOrEqual(t, d, 30*time.Second)
	require.Equal(t, "mixed", setting(t, "duly.service", "KillMode"), "the wrapper alone is signalled, and hands it on")
}

// The night is started in the business time zone wherever it is written.
func TestTheTimeZoneOfTheNight(t *testing.T) {
	require.Contains(t, setting(t, "duly.timer", "OnCalendar"), "02:30:00 Asia/Seoul")
	require.Equal(t, "true", setting(t, "duly.timer", "Persistent"))
	require.Contains(t, read(t, "cron/duly.crontab"), "CRON_TZ=Asia/Seoul")
	require.Contains(t, read(t, "aws/template.yaml"), "Default: Asia/Seoul")
	require.Contains(t, read(t, "gcp/schedule.sh"), "TIME_ZONE:-Asia/Seoul")
}

// The scheduler is confined as the nightly run is, and reads its secrets alike.
func TestTheSchedulerIsConfinedAlike(t *testing.T) {
	_, night, _ := strings.Cut(read(t, "systemd/duly.service"), "UMask=")
	_, scheduler, _ := strings.Cut(read(t, "systemd/duly-schedule.service"), "UMask=")
	require.NotEmpty(t, night)
	require.Equal(t, night, scheduler)
	require.Equal(t, "143 130 129", setting(t, "duly-schedule.service", "SuccessExitStatus"))
	require.Equal(t, "2", setting(t, "duly-schedule.service", "RestartPreventExitStatus"))
}

// The environment that units and crontabs set is made of keys that duly has.
func TestTheVariablesAreKeys(t *testing.T) {
	var keys []string
	for _, key := range config.Keys() {
		name := strings.ReplaceAll(key.Variable(), "<NAME>", "MAIN")
		keys = append(keys, name)
		if key.Secret {
			keys = append(keys, name+"_FILE")
		}
	}
	for _, file := range []string{"systemd/duly.service", "systemd/duly-schedule.service", "cron/duly.crontab"} {
		names := regexp.MustCompile(`(?m)^(?:Environment=)?(DULY_\w+)=`).FindAllStringSubmatch(read(t, file), -1)
		require.Len(t, names, 2, file)
		for _, name := range names {
			require.Contains(t, keys, name[1], file)
		}
	}
}
