package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// reading is what the server and both processes have done so far.
type reading struct {
	statements, rows int64
	server, client   float64 // processor time in µs
}

func (l *lab) meter(ctx context.Context) (reading, error) {
	counted, err := l.status(ctx, "Questions", "Rows_read")
	if err != nil {
		return reading{}, err
	}
	server, err := processorTime(l.server.Pid())
	if err != nil {
		return reading{}, err
	}
	client, err := processorTime(os.Getpid())
	return reading{counted["Questions"], counted["Rows_read"], server, client}, err
}

// since is what was done since then, by item.
func (r reading) since(then reading, items int) load {
	n := float64(items)
	return load{
		statements: float64(r.statements-then.statements) / n, rows: float64(r.rows-then.rows) / n,
		server: (r.server - then.server) / n, client: (r.client - then.client) / n,
	}
}

// tick is the unit of /proc/PID/stat, in µs.
const tick = 10_000

// processorTime is what a process has used of the processors, in µs.
func processorTime(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the processor time of a process: %w", err)
	}
	// The name, in brackets, may hold anything; user and system time are the 12th and 13th field after it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	total := 0.0
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, fmt.Errorf("read the processor time of a process: %w", err)
		}
		total += ticks * tick
	}
	return total, nil
}
