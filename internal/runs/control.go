package runs

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"duly/internal/mysql"
)

// Instruction is who told a run to do something, when and why.
type Instruction struct {
	Who    string    `json:"who"`
	Host   string    `json:"host,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// String says who gave the order and why.
func (o Instruction) String() string {
	if o.Reason == "" {
		return o.Who
	}
	return o.Who + ": " + o.Reason
}

// Throttle is the pace that an operator gave a run. 0: as it was started.
type Throttle struct {
	Instruction

	Parallelism int     `json:"parallelism,omitempty"` // requests at once
	Rate        float64 `json:"rate,omitempty"`        // requests a second
}

// Pace is the pace in words.
func (t Throttle) Pace() string {
	var parts []string
	if t.Parallelism > 0 {
		parts = append(parts, strconv.Itoa(t.Parallelism)+" at once")
	}
	if t.Rate > 0 {
		parts = append(parts, strconv.FormatFloat(t.Rate, 'f', -1, 64)+"/s")
	}
	if len(parts) == 0 {
		return "the pace that it was started with"
	}
	return strings.Join(parts, ", ")
}

// Control is what operators told a run, as it stands in job_runs.control.
type Control struct {
	Stop     *Instruction `json:"stop,omitempty"`
	Throttle *Throttle    `json:"throttle,omitempty"`
}

// ParseControl reads the column; nothing, where it is NULL.
func ParseControl(column []byte) (Control, error) {
	var c Control
	if len(column) == 0 {
		return c, nil
	}
	if err := json.Unmarshal(column, &c); err != nil {
		return c, fmt.Errorf("read control: %w", err)
	}
	return c, nil
}

// ReadControl reads what operators told a run.
func ReadControl(ctx context.Context, db *mysql.DB, run uint64) (Control, error) {
	var columns [][]byte
	if err := db.SelectContext(ctx, &columns, `SELECT control FROM job_runs WHERE id = ?`, run); err != nil {
		return Control{}, fmt.Errorf("read what run %d was told: %w", run, mysql.Classify(ctx, err))
	}
	if len(columns) == 0 {
		return Control{}, fmt.Errorf("read what run %d was told: its row is gone", run)
	}
	return ParseControl(columns[0])
}
