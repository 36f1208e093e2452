package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/gateway/simulator/pace"
	"duly/jobs"
)

const (
	autoRows    = 20_000
	autoKnee    = 40
	autoMost    = 256
	autoMedian  = 100 * time.Millisecond
	autoP99     = 250 * time.Millisecond
	autoTimeout = 10 * time.Second
)

// autoCase is a gateway whose best parallelism nobody told us.
type autoCase struct {
	what  string
	slow  pace.Slowdown // counted in shares of the charges, in AfterCharges
	fixed []int         // settings that it is compared with
}

// adaptive is B12: parallelism: auto serves as many charges a second as the best fixed setting.
func adaptive(ctx context.Context, l *lab) (rows []row, err error) {
	n := l.size(autoRows)
	for _, c := range []autoCase{
		{"latency climbs past 40 at once", pace.Slowdown{}, []int{32, 40, 50}},
		{"slows down in mid-run, to 20 at once", pace.Slowdown{AfterCharges: n / 2, Knee: 20}, []int{20, 28, 40}},
		{"slows down in mid-run, each call by half", pace.Slowdown{AfterCharges: n / 2, Factor: 1.5}, []int{32, 40, 50}},
	} {
		row, err := l.autoRow(ctx, n, c)
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (l *lab) autoRow(ctx context.Context, n int, c autoCase) (row, error) {
	best, at := 0.0, 0
	var tried []string
	for _, fixed := range c.fixed {
		m, err := l.autoRound(ctx, n, c, fixed)
		if err != nil {
			return row{}, err
		}
		tried = append(tried, fmt.Sprintf("%d: %s", fixed, perSecond(m.rate)))
		if m.rate > best {
			best, at = m.rate, fixed
		}
	}
	var rates []float64
	var settled []string
	unanswered := 0
	for range l.rounds {
		m, err := l.autoRound(ctx, n, c, 0)
		if err != nil {
			return row{}, err
		}
		rates = append(rates, m.rate)
		settled = append(settled, fmt.Sprint(m.settled))
		unanswered += m.unanswered
	}
	rate := median(rates)
	return row{
		what:     fmt.Sprintf("parallelism: auto, a gateway that %s, %d invoices", strings.TrimPrefix(c.what, "latency "), n),
		figure:   perSecond(rate),
		baseline: fmt.Sprintf("%s at %d", perSecond(best), at),
		ratio:    rate / best,
		target:   target{limit: 0.95, also: "no time-outs", failed: unanswered > 0},
		notes: []string{
			fmt.Sprintf("Simulator over loopback HTTP: %s; log-normal latency (median %s, 99th percentile %s) that grows with the square of the open requests past %d. The rate is of the collect step, with the time that it takes to find the number.",
				c.what, autoMedian, autoP99, autoKnee),
			fmt.Sprintf("Fixed settings: %s. auto settled at %s; %d time-outs.", strings.Join(tried, ", "), strings.Join(settled, ", "), unanswered),
		},
	}, nil
}

// autoMeasured is what one run came to.
type autoMeasured struct {
	rate       float64
	settled    int
	unanswered int // charges that took as long as the time-out
}

// autoRound runs billing with a fixed parallelism; 0: auto.
func (l *lab) autoRound(ctx context.Context, n int, c autoCase, fixed int) (m autoMeasured, err error) {
	s, err := l.schema(ctx, n)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	sim := simulator.New(simulator.Config{
		Token: "bench", Seed: 1, Latency: simulator.Latency{Median: autoMedian, P99: autoP99}, Knee: autoKnee, Slowdown: c.slow, Now: l.now,
	})
	url, stop, err := serve(ctx, sim)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	w := worker{parallelism: fixed, chunkSize: costChunk}
	if fixed == 0 {
		w.parallelism, w.auto = autoMost, autoMost
	}
	w.gateway, err = httpapi.New(httpapi.Config{
		Name: gatewayName, URL: url, Token: "bench", Timeout: autoTimeout, ConnectTimeout: autoTimeout,
		KeyLife: 24 * time.Hour, LongestRequest: 2 * time.Minute, MaxConns: w.parallelism, Now: l.now,
	})
	if err != nil {
		return m, err
	}
	done, err := w.bill(ctx, s)
	if err != nil {
		return m, err
	}
	m.rate = float64(n) / done.steps[jobs.StepCollect].Seconds()
	m.settled = done.settled
	m.unanswered = sim.Stats().Requests["createPayment"] - n
	l.say("  %s, %d at once (0: auto): %s, settled at %d, %d sent again", c.what, fixed, perSecond(m.rate), m.settled, m.unanswered)
	return m, nil
}
