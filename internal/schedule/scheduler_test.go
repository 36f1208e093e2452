package schedule_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/test/testdb"
)

// On the days on which clocks are changed each scheduled time fires once, as on any other.
func TestFiresOnceOnDaysOfChange(t *testing.T) {
	for _, c := range []struct {
		zone, from string
		want       []string
	}{
		{"Europe/Berlin", "2026-03-29 00:10", []string{"03-29 03:30 +0200", "03-30 02:30 +0200"}},
		{"Europe/Berlin", "2026-10-25 00:10", []string{"10-25 02:30 +0200", "10-26 02:30 +0100"}},
		{"America/New_York", "2026-03-08 00:10", []string{"03-08 03:30 -0400", "03-09 02:30 -0400"}},
		{"America/New_York", "2026-11-01 00:10", []string{"11-01 02:30 -0500", "11-02 02:30 -0500"}},
	} {
		t.Run(c.zone+" "+c.from, func(t *testing.T) {
			h := newHall(t, c.zone, c.from)
			clerk := h.hire("vm", nil, "nightly=30 2 * * *")
			when := expression(t, "30 2 * * *", c.zone)
			from := h.clock.Now()
			h.pass(1, 48*time.Hour, 30*time.Minute, func(now time.Time) int {
				n := 0
				for at := when.Next(from); !at.After(now); at = when.Next(at) {
					n++
				}
				return n
			})
			var want []string
			for _, at := range c.want {
				want = append(want, "nightly "+at)
			}
			require.Equal(t, want, h.fired("exit_code = 0"))
			require.Len(t, clerk.runs(), 2)
		})
	}
}

// What fires every hour fires in both passes of the one that comes twice.
func TestFiresEveryHour(t *testing.T) {
	h := newHall(t, "Europe/Berlin", "2026-10-25 00:40")
	h.hire("vm", nil, "outbox=30 * * * *")
	from := h.clock.Now()
	h.pass(1, 3*time.Hour, 10*time.Minute, func(now time.Time) int { return 1 + int(now.Sub(from.Add(-10*time.Minute)).Hours()) })
	require.Equal(t, []string{
		"outbox 10-25 00:30 +0200", "outbox 10-25 01:30 +0200", "outbox 10-25 02:30 +0200", "outbox 10-25 02:30 +0100",
	}, h.fired("exit_code = 0"))
}

// A scheduler that starts in the second pass of an hour has no firing of its own in it.
func TestStartInTheHourThatComesTwice(t *testing.T) {
	h := newHall(t, "Europe/Berlin", "2026-10-25 02:10")
	h.clock.Advance(20 * time.Minute) // 02:30, for the first time
	first := h.hire("vm-1", nil, "nightly=30 2 * * *")
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 1 })
	first.stop()
	require.Zero(t, <-first.served)

	h.clock.Advance(40 * time.Minute) // 02:10, for the second time
	second := h.hire("vm-2", nil, "nightly=30 2 * * *")
	h.clock.Advance(3 * time.Hour)
	h.settle(1)
	require.Empty(t, second.runs())
	require.Equal(t, []string{"nightly 10-25 02:30 +0200"}, h.fired("TRUE"))
}

// Three schedulers on one database, and their clocks a little apart: each time fires once.
func TestOneOfSeveralFires(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-01 00:01")
	var clerks []*clerk
	for i := range 3 {
		c := h.candidate(fmt.Sprint("vm-", i), h.db.DSN, "outbox=*/5 * * * *", "nightly=30 0 * * *")
		c.Offset = func(context.Context) (time.Duration, error) { return time.Duration(i) * time.Second, nil }
		clerks = append(clerks, c)
		h.start(c)
	}
	h.settle(6)
	h.pass(6, time.Hour, time.Minute, func(now time.Time) int {
		passed := int(now.Sub(h.at("2026-07-01 00:00")).Minutes())
		return 1 + passed/5 + min(passed/30, 1) // 00:00 was made up for by one of them
	})
	const want = 13 + 1
	ran := 0
	for _, c := range clerks {
		c.stop()
		<-c.served
		ran += len(c.runs())
	}
	require.Equal(t, want, ran)
	require.Len(t, h.fired("TRUE"), want)
}

func TestAfterDowntime(t *testing.T) {
	for name, c := range map[string]struct {
		now, job string
		want     []string
	}{
		"one run for today":           {"2026-07-03 10:00", "nightly=30 2 * * *", []string{"nightly 07-03 02:30 +0900"}},
		"of several, the last":        {"2026-07-03 10:20", "outbox=*/5 * * * *", []string{"outbox 07-03 10:20 +0900"}},
		"none yet today":              {"2026-07-03 02:29", "nightly=30 2 * * *", []string{}},
		"none for earlier days":       {"2026-07-03 10:00", "audit=0 5 1 * *", []string{}},
		"a scheduler that is on time": {"2026-07-03 02:30", "nightly=30 2 * * *", []string{"nightly 07-03 02:30 +0900"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, "Asia/Seoul", c.now)
			for range 3 { // the later ones find nothing to do
				clerk := h.hire("vm", nil, c.job)
				h.eventually(func() bool { return len(h.fired("exit_code = 0")) == len(c.want) })
				clerk.stop()
				require.Zero(t, <-clerk.served)
			}
			require.Equal(t, c.want, h.fired("TRUE"))
		})
	}
}

// A start just before a time makes up for the one before, and is on time for this one.
func TestStartJustBeforeATime(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-01 00:09")
	h.clock.Advance(58 * time.Second)
	c := h.hire("vm", nil, "outbox=*/5 * * * *")
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 1 })
	h.clock.Advance(2 * time.Second)
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 2 })
	require.Equal(t, []string{"outbox 07-01 00:05 +0900", "outbox 07-01 00:10 +0900"}, h.fired("TRUE"))
	require.NotContains(t, c.log.messages(), "not fired: the job is still under way")
}

// A start at the time itself, by a clock that is ahead of the database's, does not lose it.
func TestStartAheadOfTheDatabase(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-01 02:30")
	h.clock.Advance(time.Second)
	h.hire("vm", func(c *clerk) {
		c.Offset = func(context.Context) (time.Duration, error) { return -3 * time.Second, nil }
	}, "nightly=30 2 * * *")
	h.settle(2)
	h.clock.Advance(2 * time.Second)
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 1 })
	require.Equal(t, []string{"nightly 07-01 02:30 +0900"}, h.fired("TRUE"))
}

// A job that is under way is not begun again, neither here nor by another scheduler, and this is told.
func TestOverlap(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-01 00:01")
	leave := make(chan struct{})
	release := sync.OnceFunc(func() { close(leave) })
	var runs atomic.Int64
	slow := func(c *clerk) {
		c.Run = func(_ context.Context, _ string, began func(uint64)) int {
			began(uint64(runs.Add(1)))
			<-leave
			return 0
		}
	}
	first := h.hire("vm-1", slow, "outbox=*/5 * * * *")
	h.eventually(func() bool { return runs.Load() == 1 })
	second := h.hire("vm-2", slow, "outbox=*/5 * * * *")
	t.Cleanup(release)
	h.settle(2)
	h.eventually(func() bool { return count(second.log.messages(), "no firing was missed") == 1 })
	const here, there = "not fired: the job is still under way", "not fired: the job is still under way with another scheduler"
	for i := range 2 {
		h.clock.Advance(5 * time.Minute)
		h.settle(2)
		h.eventually(func() bool {
			return count(first.log.messages(), here) == i+1 && count(second.log.messages(), there) == i+1
		})
	}
	require.Equal(t, int64(1), runs.Load())
	require.Equal(t, []string{"outbox 07-01 00:00 +0900"}, h.fired("TRUE"))

	release()
	h.eventually(func() bool { return len(h.fired("exit_code = 0 AND run_id = 1")) == 1 })
	h.clock.Advance(5 * time.Minute)
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 2 })
	require.Equal(t, int64(2), runs.Load())
}

// A time that comes when the job is over, and its end is being written down, is not lost.
func TestATimeThatComesWhileTheLastFiringIsWrittenDown(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-01 00:01")
	const due = "the next firing is due; it waits for the end of this one"
	ended := 0
	c := h.hire("vm", func(c *clerk) {
		c.Log = slog.New(hook{c.Log.Handler(), func(message string) {
			if message != "the firing ended" {
				return
			}
			if ended++; ended <= 3 { // by one goroutine at a time
				h.settle(1)
				h.clock.Advance(time.Hour)
				h.eventually(func() bool { return count(c.log.messages(), due) == ended })
			}
		}})
	}, "outbox=0 * * * *")
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 4 })
	require.Equal(t, []string{
		"outbox 07-01 00:00 +0900", "outbox 07-01 01:00 +0900", "outbox 07-01 02:00 +0900", "outbox 07-01 03:00 +0900",
	}, h.fired("TRUE"))
	h.settle(1)
	h.clock.Advance(time.Hour)
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 5 })
	require.Len(t, c.runs(), 5)
}

func count(list []string, what string) int {
	n := 0
	for _, one := range list {
		if one == what {
			n++
		}
	}
	return n
}

// A stop drains the run under way; its exit code is that of the scheduler. A scheduler that starts on the same day
// goes on with what was cut short.
func TestStopDuringARun(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-01 02:29")
	running, drain := make(chan struct{}), make(chan struct{})
	first := h.hire("vm-1", func(c *clerk) {
		c.Run = func(ctx context.Context, _ string, began func(uint64)) int {
			began(17)
			close(running)
			<-ctx.Done()
			<-drain
			return 143
		}
	}, "nightly=30 2 * * *")
	h.clock.Advance(time.Minute)
	<-running
	first.stop()
	h.eventually(func() bool { return first.Health(t.Context()).Status == "stopping" })
	require.Empty(t, first.served, "it waits for the run")
	close(drain)
	require.Equal(t, 143, <-first.served)
	require.Equal(t, []string{"nightly 07-01 02:30 +0900"}, h.fired("exit_code = 143 AND run_id = 17"))

	h.clock.Advance(10 * time.Minute)
	second := h.hire("vm-1", nil, "nightly=30 2 * * *")
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 1 })
	second.stop()
	require.Zero(t, <-second.served)
	third := h.hire("vm-1", nil, "nightly=30 2 * * *")
	third.stop()
	require.Zero(t, <-third.served)
	require.Empty(t, third.runs())
}

// While the database is down the firing waits; it is not lost.
func TestDatabaseDownAtTheTime(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-01 02:29")
	proxy := testdb.NewProxy(t, h.db.DSN)
	c := h.candidate("vm", proxy.DSN, "nightly=30 2 * * *")
	h.start(c)
	h.eventually(func() bool { return count(c.log.messages(), "no firing was missed") == 1 })
	proxy.Refuse()
	h.clock.Advance(time.Minute)
	h.settle(2) // the next firing, and the next try
	for range 3 {
		h.clock.Advance(10 * time.Second)
		h.settle(2)
	}
	require.Equal(t, 1, count(c.log.messages(), "the firing waits for the database"), "once")
	require.Equal(t, "down", c.Health(t.Context()).Database)
	require.Empty(t, c.runs())
	proxy.Admit()
	h.clock.Advance(10 * time.Second)
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 1 })
	require.Equal(t, []string{"nightly 07-01 02:30 +0900"}, h.fired("TRUE"))

	// Once the day is over there is nothing to make up for.
	proxy.Refuse()
	h.clock.Advance(24 * time.Hour)
	h.settle(2)
	h.clock.Advance(22 * time.Hour)
	h.eventually(func() bool { return count(c.log.messages(), "not fired") == 1 })
	require.Len(t, c.runs(), 1)
}

// A host whose clock is ahead of the database's waits for the database's: a run just before midnight would be one for
// the day before.
func TestHostAheadOfTheDatabase(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-06-30 23:59")
	h.hire("vm", func(c *clerk) {
		c.Offset = func(context.Context) (time.Duration, error) { return -3 * time.Second, nil }
	}, "nightly=0 0 * * *")
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 1 }) // that of the last midnight
	h.clock.Advance(time.Minute)
	h.settle(2)
	require.Len(t, h.fired("TRUE"), 1)
	h.clock.Advance(3 * time.Second)
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 2 })
	require.Contains(t, h.fired("TRUE"), "nightly 07-01 00:00 +0900")
}

// A run that died is not waited for.
func TestNextFiringAfterADeath(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-02 02:29")
	_, err := h.db.ExecContext(t.Context(), `INSERT INTO schedule_firings (job, fires_at, host, lease, lease_ms, heartbeat_at, started_at)
VALUES ('nightly', '2026-06-30 17:30:00', 'dead', '1234567890123456', 60000, UTC_TIMESTAMP(6) - INTERVAL 2 MINUTE, '2026-06-30 17:30:00')`)
	require.NoError(t, err)
	c := h.hire("vm", nil, "nightly=30 2 * * *")
	require.True(t, c.Health(t.Context()).Jobs[0].Last.Died)
	h.clock.Advance(time.Minute)
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 1 })
	require.Equal(t, []string{"nightly 07-01 02:30 +0900"}, h.fired("exit_code IS NULL AND finished_at IS NOT NULL"))
}

// A panic in one job ends that job alone.
func TestPanicInAJob(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-01 00:01")
	c := h.hire("vm", func(c *clerk) {
		c.Run = func(_ context.Context, job string, _ func(uint64)) int {
			if job == "nightly" {
				panic("oh")
			}
			c.note(job)
			return batch.ExitUnfinished
		}
	}, "nightly=0 * * * *", "outbox=0 * * * *")
	h.eventually(func() bool { return len(h.fired("finished_at IS NOT NULL")) == 2 })
	h.clock.Advance(time.Hour)
	h.settle(2)
	h.eventually(func() bool { return len(h.fired("exit_code = 1")) == 2 && len(h.fired("exit_code = 4")) == 2 })
	require.Equal(t, 2, count(c.log.messages(), "panic in a job"))
}

// What went wrong with the lease is said, and the run goes on.
func TestLostHeartbeat(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-01 00:00")
	leave := make(chan struct{})
	c := h.hire("vm", func(c *clerk) {
		c.Run = func(context.Context, string, func(uint64)) int { <-leave; return 0 }
	}, "nightly=0 0 * * *")
	h.eventually(func() bool { return len(h.fired("TRUE")) == 1 })
	_, err := h.db.ExecContext(t.Context(), `UPDATE schedule_firings SET finished_at = UTC_TIMESTAMP(6)`)
	require.NoError(t, err)
	h.eventually(func() bool { return count(c.log.messages(), "heartbeat of the firing failed") > 0 })
	close(leave)
	h.eventually(func() bool { return len(h.fired("exit_code = 0")) == 1 })
	require.NotContains(t, c.log.messages(), "the end of the firing could not be written")
}

func TestIdleStop(t *testing.T) {
	h := newHall(t, "Asia/Seoul", "2026-07-01 00:01")
	c := h.hire("vm", nil, "nightly=30 2 * * *")
	c.stop()
	require.Zero(t, <-c.served)
}
