package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/config"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, "500ms": 500 * time.Millisecond,
		"90d": 90 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0, "1.5h": 90 * time.Minute, "-5s": -5 * time.Second,
	} {
		got, err := config.ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"30":                       `"30" has no unit: write such as 30s, 5m, 24h or 90d`,
		"1.5":                      `"1.5" has no unit: write such as 1.5s, 5m, 24h or 90d`,
		"":                         `"" is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h`,
		"d":                        `"d" is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h`,
		"5 minutes":                `"5 minutes" is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h`,
		"1.5d":                     `"1.5d" is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h`,
		"-1d":                      `"-1d" is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h`,
		"2d-1h":                    `"2d-1h" is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h`,
		"106752d":                  `"106752d" is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h`,
		"106751d24h":               `"106751d24h" is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h`,
		"99999999999999999999999d": `"99999999999999999999999d" is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h`,
	} {
		_, err := config.ParseDuration(text)
		require.EqualError(t, err, want, text)
	}
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "10s": 10 * time.Second, "10m": 10 * time.Minute, "1m30s": 90 * time.Second, "24h": 24 * time.Hour,
		"48h": 48 * time.Hour, "3d": 72 * time.Hour, "73h": 73 * time.Hour, "1h0m5s": time.Hour + 5*time.Second, "20h": 20 * time.Hour,
		"1h30m": 90 * time.Minute, "1h40m0.5s": 100*time.Minute + 500*time.Millisecond,
	} {
		require.Equal(t, want, config.FormatDuration(d))
	}
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Min(0).Draw(t, "d"))
		if rapid.Bool().Draw(t, "whole") {
			d = d.Truncate(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "unit"))
		}
		got, err := config.ParseDuration(config.FormatDuration(d))
		require.NoError(t, err)
		require.Equal(t, d, got)
	})
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]float64{"20/s": 20, "20": 20, "0.5/s": 0.5, "20 /s": 20, "none": 0, "0": 0} {
		got, err := config.ParseRate(text)
		require.NoError(t, err, text)
		require.InDelta(t, want, got, 0, text)
	}
	for _, text := range []string{"", "20/m", "fast", "-1", "NaN", "Inf/s", "/s"} {
		_, err := config.ParseRate(text)
		require.ErrorContains(t, err, "is no rate: write requests a second such as 20/s, or none", text)
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct{ key, value, err string }{
		{"billing.retry_days", "[1, 3, 5]", ""},
		{"billing.retry_days", "1,60", ""},
		{"billing.retry_days", "[]", ""},
		{"billing.retry_days", "[1, 5, 3]", "5 comes before 3: give days in ascending order, e.g. [1, 3, 5]"},
		{"billing.retry_days", "1,1", "1 comes twice: give days in ascending order, e.g. [1, 3, 5]"},
		{"traces.sample", "1.1", `"1.1" is no share: give a number from 0 to 1, e.g. 0.01`},
		{"traces.sample", "NaN", `"NaN" is no share: give a number from 0 to 1, e.g. 0.01`},
		{"billing.retry_days", "0,1", "0 is out of range: give days from 1 to 60"},
		{"billing.retry_days", "1,61", "61 is out of range: give days from 1 to 60"},
		{"billing.retry_days", "1 3", `"1 3" is no whole number: give days in ascending order, e.g. [1, 3, 5]`},
		{"billing.retry_days", "1,,3", `"" is no whole number: give days in ascending order, e.g. [1, 3, 5]`},
		{"billing.brake_percent", "1", ""},
		{"billing.brake_percent", "100", ""},
		{"billing.brake_percent", "0", "0 is out of range: give a whole number from 1 to 100"},
		{"billing.brake_percent", "101", "101 is out of range: give a whole number from 1 to 100"},
		{"billing.brake_percent", "1.5", `"1.5" is no whole number: give one from 1 to 100`},
		{"billing.max_amount", "{KRW: 1000000, USD: 500.00}", ""},
		{"billing.max_amount", "KRW:1000000", ""},
		{"billing.max_amount", "none", ""},
		{"billing.max_amount", "KRW: -1", "-1 KRW is negative"},
		{"billing.max_amount", "KRW: 0", "0 KRW would hold every charge: leave KRW out for no limit"},
		{"billing.max_amount", "WON: 100", `currency "WON" is not a known ISO 4217 code in upper case`},
		{"billing.max_amount", "krw: 100", `currency "krw" is not a known ISO 4217 code in upper case`},
		{"billing.max_amount", "USD: 50000", "50000 USD has no decimals: write all decimals of the currency, such as 500.00"},
		{"billing.max_amount", "KRW: 1,000,000", `"000" is not a currency and an amount: give an amount for each currency, such as {KRW: 1000000, USD: 500.00}, or none`},
		{"billing.max_amount", "1000000", `"1000000" is not a currency and an amount: give an amount for each currency, such as {KRW: 1000000, USD: 500.00}, or none`},
		{"billing.max_amount", "KRW: 1, KRW: 2", "KRW is given twice: give an amount for each currency, such as {KRW: 1000000, USD: 500.00}, or none"},
		{"billing.max_factor", "10", ""},
		{"billing.max_factor", "2.5", ""},
		{"billing.max_factor", "none", ""},
		{"billing.max_factor", "0.99", `"0.99" is not a factor: give a number from 1 to 1000000 with two decimals at most, such as 10 or 2.5, or none`},
		{"billing.max_factor", "-10", `"-10" is not a factor: give a number from 1 to 1000000 with two decimals at most, such as 10 or 2.5, or none`},
		{"billing.max_factor", "2.505", `"2.505" is not a factor: give a number from 1 to 1000000 with two decimals at most, such as 10 or 2.5, or none`},
		{"billing.max_factor", "1000000.01", `"1000000.01" is not a factor: give a number from 1 to 1000000 with two decimals at most, such as 10 or 2.5, or none`},
		{"billing.catch_up", "skip", ""},
		{"billing.catch_up", "Skip", `"Skip" is none of default, one, skip`},
		{"business.timezone", "Europe/Berlin", ""},
		{"business.timezone", "UTC", ""},
		{"business.timezone", "Seoul", `"Seoul" is no IANA time zone: give such as Asia/Seoul, Europe/Berlin or UTC`},
		{"business.timezone", "Local", `"Local" is no IANA time zone: give such as Asia/Seoul, Europe/Berlin or UTC`},
		{"business.timezone", "", `"" is no IANA time zone: give such as Asia/Seoul, Europe/Berlin or UTC`},
		{"database.max_open", "4", ""},
		{"database.max_open", "3", "3 is out of range: give a whole number from 4 to 10000"},
		{"database.acquire_timeout", "0s", `"0s" is too short: give 1ms or more`},
		{"database.acquire_timeout", "-1s", `"-1s" is too short: give 1ms or more`},
		{"database.acquire_timeout", "2h", `"2h" is too long: give 1h or less`},
		{"database.private_dir", "/var/lib/duly/", ""},
		{"database.private_dir", "data", `"data" is not absolute: it would be another folder in another working directory; begin it with /`},
		{"database.private_dir", "~/data", `"~/data" is not absolute: it would be another folder in another working directory; begin it with /`},
		{"database.dsn", "private", ""},
		{"database.dsn", "duly:p@ss:w/rd@tcp(127.0.0.1:3306)/shop?tls=true&loc=Asia%2FSeoul", ""},
		{"database.dsn", "root@unix(/run/mysqld/mysqld.sock)/shop", ""},
		{"database.dsn", "duly:pw@tcp(db:3306)/", "names no schema: write it as user:password@tcp(host:3306)/schema"},
		{"database.dsn", "mysql://duly:pw@db:3306/shop", "starts with mysql://, which the driver does not know: write it as user:password@tcp(host:3306)/schema"},
		{"database.dsn", "jdbc:mysql://db/shop", "starts with jdbc:, which the driver does not know: write it as user:password@tcp(host:3306)/schema"},
		{"database.dsn", "duly:pw@tcp(db:3306)", badDSN},
		{"database.dsn", "duly:pw/shop", badDSN},
		{"database.dsn", "duly:pw@tcp(db:3306)/shop?tls=verify", badDSN},
		{"database.dsn", "duly:pw@tcp(db:3306)/shop?parseTime=maybe", badDSN},
		{"database.dsn", "duly:pw@tcp(db:3306)/shop?strict=true", badDSN},
		{"gateways.main.type", "httpapi", ""},
		{"gateways.main.type", "strype", `"strype" is unknown: give httpapi, portone, toss, stripe or kakaopay`},
		{"gateways.main.url", "http://127.0.0.1:8080/pay", ""},
		{"gateways.main.url", "pay.example.com", badURL},
		{"gateways.main.url", "ftp://pay.example.com", badURL},
		{"gateways.main.url", "https://", badURL},
		{"gateways.main.url", "https://:8080", badURL},
		{"gateways.main.url", "http://h\x7f", badURL},
		{"gateways.main.url", "https://u:p@pay.example.com", "has a user or password in it: put the credential into the gateway's token"},
		{"gateways.main.url", "https://pay.example.com/?key=k", "has a query or fragment: give scheme, host and path alone, e.g. https://payments.example.com"},
		{"gateways.main.url", "https://pay.example.com/#k", "has a query or fragment: give scheme, host and path alone, e.g. https://payments.example.com"},
		{"gateways.main.rate", "20/s", ""},
		{"gateways.main.rate", "20/h", `"20/h" is no rate: write requests a second such as 20/s, or none`},
		{"gateways.main.look_up", "false", ""},
		{"gateways.main.look_up", "no", `"no" is neither true nor false`},
		{"gateways.main.parallelism", "0", "0 is out of range: give a whole number from 1 to 10000, or auto"},
		{"gateways.main.parallelism", "10001", "10001 is out of range: give a whole number from 1 to 10000, or auto"},
		{"gateways.main.parallelism", "Auto", "\"Auto\" is neither a whole number nor auto: give one from 1 to 10000, or auto"},
		{"gateways.main.max_parallelism", "auto", "\"auto\" is no whole number: give one from 1 to 10000"},
		{"gateways.main.circuit.failure_percent", "0", "0 is out of range: give a whole number from 1 to 100"},
		{"outbox.tries", "0", "0 is out of range: give a whole number from 1 to 100"},
		{"outbox.url", "shop/hooks", badURL},
		{"retention.runs", "90m", `"90m" is too short: give 24h or more`},
		{"retention.events", "90", `"90" has no unit: write such as 90s, 5m, 24h or 90d`},
		{"log.level", "INFO", `"INFO" is none of debug, info, warn, error`},
		{"metrics.listen", ":9464", ""},
		{"metrics.listen", "9464", `"9464" is no address to listen on: give host and port, e.g. 127.0.0.1:9464`},
		{"metrics.listen", "h:99999", `"h:99999" is no address to listen on: give host and port, e.g. 127.0.0.1:9464`},
		{
			"log.format", "a very long value that is not worth repeating in full",
			`"a very long value that is not worth repe…" is none of auto, json, text`,
		},
	} {
		t.Run(test.key+"="+test.value, func(t *testing.T) {
			_, err := config.Load(config.Options{NoFile: true, Env: append(one(), "HOME=/home/u"), Flags: map[string]any{test.key: test.value, "outbox.secret": "whsec_Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWU="}})
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, []string{test.key + ": " + test.err + " (a flag)"}, problems(t, err))
		})
	}
}

const (
	badDSN = "not a DSN: write it as user:password@tcp(host:3306)/schema?name=value, with values percent-encoded and tls one of true, " +
		"false, skip-verify, preferred; or private"
	badURL = "not a web address: give http:// or https:// and a host, e.g. https://payments.example.com"
)

func TestValuesAsUsed(t *testing.T) {
	c, err := config.Load(config.Options{NoFile: true, Env: one(), Flags: map[string]any{
		"gateways.main.url": "https://pay.example.com/v/", "database.private_dir": "/a/../b/", "billing.retry_days": "[]", "gateways.main.rate": "0.5/s",
	}})
	require.NoError(t, err)
	require.Equal(t, "https://pay.example.com/v", c.Gateways["main"].URL)
	require.Equal(t, "/b", c.Database.PrivateDir)
	require.Empty(t, c.Billing.RetryDays)
	require.InDelta(t, 0.5, c.Gateways["main"].Rate, 0)
}
