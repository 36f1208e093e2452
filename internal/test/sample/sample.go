package sample

import (
	"math"
	"time"

	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
)

// Day reads a date of a table; "" is none. A slip of the pen gives a date that equals no other.
func Day(s string) payment.Date {
	var d payment.Date
	if err := d.UnmarshalText([]byte(s)); err != nil {
		return math.MinInt32
	}
	return d
}

// Monthly is the interval of [Subscription].
func Monthly() billing.Interval { return billing.Interval{Unit: "month", Count: 1} }

// Subscription is one with nothing wrong about it, due on 31 January 2026.
func Subscription() billing.Subscription {
	return billing.Subscription{
		ID: 42, CustomerID: "cus_7", Status: billing.Active, Gateway: "main", Method: "pm_secret_1", MethodType: "card",
		Description: "Monthly box", Money: payment.Money{Amount: 12900, Currency: "KRW"},
		Interval: Monthly(), AnchorDay: 31, Next: Day("2026-01-31"),
	}
}

// Invoice is the open one of [Subscription], not tried yet.
func Invoice() billing.Invoice {
	return billing.Invoice{ID: 9, SubscriptionID: 42, Due: Day("2026-01-31"), Money: payment.Money{Amount: 12900, Currency: "KRW"}}
}

// Attempt is the first one on [Invoice].
func Attempt() billing.Attempt {
	return billing.Attempt{
		ID: 5, No: 1, Gateway: "main", Invoice: Invoice(), CreatedAt: Noon,
		Charge: payment.Charge{
			Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "cus_7", Method: "pm_secret_1",
			Money: payment.Money{Amount: 12900, Currency: "KRW"}, BodyVersion: payment.BodyVersion(""),
		},
	}
}

// Noon is the instant that settlements of tables happen at.
var Noon = time.Date(2026, time.January, 31, 3, 0, 0, 0, time.UTC)

// Policy retries a day, three days and five days after the first decline.
func Policy() billing.Policy { return billing.Policy{RetryDays: []int{1, 3, 5}} }

// Known knows the gateways "main" and "second".
func Known(name string) bool { return name == "main" || name == "second" }

// Answered is the answer to a request.
func Answered(kind payment.Kind, class payment.Class) billing.Answer {
	o := payment.Outcome{Kind: kind, Reason: "because"}
	if kind == payment.Refused {
		o.Decline = payment.Decline{Class: class, Code: string(class) + "_code", Message: "the bank says no"}
	}
	return billing.Answer{Outcome: o}
}

// EventTypes lists the types of events.
func EventTypes(events []billing.Event) []string {
	types := []string{}
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}

// Draw takes a value from a rapid generator of a short list.
func Draw[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}
