package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// The labels.
const (
	labelJob         = "job_name" // job is the name of what is scraped
	labelStep        = "step"
	labelOutcome     = "outcome"
	labelGateway     = "gateway"
	labelKind        = "kind"
	labelCurrency    = "currency"
	labelStatus      = "status"
	labelTransaction = "transaction"
	labelVersion     = "version"
)

// The types of metric.
const (
	typeCounter   = "counter"
	typeGauge     = "gauge"
	typeHistogram = "histogram"
)

// Description is what is to be known of a metric.
type Description struct {
	Name, Type, Help string

	labels []string
}

func (d Description) counter() prometheus.CounterOpts {
	return prometheus.CounterOpts{Name: d.Name, Help: d.Help}
}

func (d Description) gauge() prometheus.GaugeOpts {
	return prometheus.GaugeOpts{Name: d.Name, Help: d.Help}
}

func (d Description) desc() *prometheus.Desc {
	return prometheus.NewDesc(d.Name, d.Help, d.labels, nil)
}

func (d Description) value() prometheus.ValueType {
	if d.Type == typeCounter {
		return prometheus.CounterValue
	}
	return prometheus.GaugeValue
}

// The metrics. Those of the process begin at 0 with it; those of the tables are the same on every host.
//
//nolint:gochecknoglobals // a table
var (
	lastSuccess = Description{
		"duly_last_success_timestamp_seconds", typeGauge,
		"When the last run of the job ended that covered all of its work for its own day and left nothing behind (exit code 0).",
		[]string{labelJob},
	}
	lastExit   = Description{"duly_run_last_exit_code", typeGauge, "Exit code of the job's last run; -1 if it died.", []string{labelJob}}
	lastStatus = Description{
		"duly_run_last_status", typeGauge, "1 for how the job's last run ended: completed, failed, stopped or abandoned.", []string{labelJob, labelStatus},
	}
	lastSeconds = Description{"duly_run_last_duration_seconds", typeGauge, "How long the job's last run took.", []string{labelJob}}
	lastEnd     = Description{"duly_run_last_end_timestamp_seconds", typeGauge, "When the job's last run ended.", []string{labelJob}}
	leaseLeft   = Description{
		"duly_lease_remaining_seconds", typeGauge, "How long the lease of the run under way still lasts without a heartbeat; 0 if it is lost.", []string{labelJob},
	}
	leaseLost = Description{"duly_lease_lost", typeGauge, "1 if the job's last run of this process lost its lease, else 0.", []string{labelJob}}
	claimed   = Description{"duly_step_claimed_total", typeCounter, "Items that a step took up.", []string{labelJob, labelStep}}
	items     = Description{
		"duly_step_items_total", typeCounter, "Items that a step settled, by what became of them: succeeded, declined, released, in_doubt, rejected or review.",
		[]string{labelJob, labelStep, labelOutcome},
	}
	collected     = Description{"duly_collected_minor_units_total", typeCounter, "Money that was collected, in minor units of its currency.", []string{labelCurrency}}
	refunded      = Description{"duly_refunded_minor_units_total", typeCounter, "Money that was refunded, in minor units of its currency.", []string{labelCurrency}}
	requestsTotal = Description{
		"duly_gateway_requests_total", typeCounter, "Requests to a gateway that were sent: charge, look_up, list, cancel or refund, and what came back.",
		[]string{labelGateway, labelKind, labelOutcome},
	}
	retriesTotal   = Description{"duly_gateway_retries_total", typeCounter, "Requests to a gateway that were not the first of their call.", []string{labelGateway}}
	requestSeconds = Description{"duly_gateway_request_seconds", typeHistogram, "How long requests to a gateway took.", []string{labelGateway, labelKind}}
	openRequests   = Description{"duly_gateway_open_requests", typeGauge, "Requests to a gateway that are under way.", []string{labelGateway}}
	waiting        = Description{"duly_gateway_waiting", typeGauge, "Callers that wait to send a request: for circuit, rate, a place or another try.", []string{labelGateway}}
	parallelism    = Description{"duly_gateway_parallelism", typeGauge, "Requests to a gateway that `parallelism: auto` found best to have under way at once; absent where the number is fixed, or nothing has been found.", []string{labelGateway}}
	circuitOpen    = Description{"duly_circuit_open", typeGauge, "1 while the gateway's circuit holds requests back, wholly or but for probes, else 0.", []string{labelGateway}}
	leftAlone      = Description{"duly_gateway_left_alone", typeGauge, "1 if the gateway is left alone for the rest of the run, else 0.", []string{labelGateway}}
	deadlocks      = Description{"duly_db_deadlocks_total", typeCounter, "Tries of transactions that a deadlock or a lock time-out ended.", nil}
	transactions   = Description{"duly_db_transactions_total", typeCounter, "Transactions that ended.", []string{labelTransaction}}
	busy           = Description{"duly_db_transaction_seconds_total", typeCounter, "Time in transactions, added up over all of them.", []string{labelTransaction}}
	due            = Description{
		"duly_due", typeGauge, "Rows that wait for a run: subscriptions, invoices, orders, refunds and events (orders and refunds up to 10000).", []string{labelKind},
	}
	inFlight  = Description{"duly_in_flight", typeGauge, "Charges in flight.", nil}
	inDoubt   = Description{"duly_in_doubt", typeGauge, "Charges in doubt: sent, and nobody knows yet what became of them.", nil}
	inReview  = Description{"duly_in_review", typeGauge, "What waits for an operator: invoices, attempts (of invoices that are not in review), subscriptions, orders, dead_events, findings and refunds.", []string{labelKind}}
	buildInfo = Description{"duly_build_info", typeGauge, "1; the label is the version.", []string{labelVersion}}
)

// Descriptions lists every metric, by name.
func Descriptions() []Description {
	all := append(collectedLater(), requestsTotal, retriesTotal, requestSeconds, openRequests, buildInfo)
	slices.SortFunc(all, func(a, b Description) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// collectedLater are the metrics whose values are looked up when they are asked for.
func collectedLater() []Description {
	return []Description{
		lastSuccess, lastExit, lastStatus, lastSeconds, lastEnd, leaseLeft, leaseLost, claimed, items, collected, refunded,
		waiting, parallelism, circuitOpen, leftAlone, deadlocks, transactions, busy, due, inFlight, inDoubt, inReview,
	}
}
