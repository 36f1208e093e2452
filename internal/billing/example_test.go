package billing_test

import (
	"fmt"
	"time"

	"duly/internal/billing"
	"duly/internal/payment"
)

// A key is made of business identity alone, so that a restored database makes the same one again.
func ExampleKey() {
	due := payment.NewDate(2026, time.January, 31)
	fmt.Println(billing.Reference(42, due))
	fmt.Println(billing.Key(42, due, 1)) // the first charge of that invoice
	fmt.Println(billing.Key(42, due, 2)) // after the first decline
	// Output:
	// sub_42_20260131
	// sub_42_20260131-1
	// sub_42_20260131-2
}

// A subscription that began on the 31st comes back to it after shorter months.
func ExampleFollowing() {
	month := billing.Interval{Unit: "month", Count: 1}
	d := payment.NewDate(2026, time.January, 31)
	for range 4 {
		fmt.Println(d)
		d = billing.Following(d, 31, month)
	}
	// Output:
	// 2026-01-31
	// 2026-02-28
	// 2026-03-31
	// 2026-04-30
}

// Retries are counted in days from the first decline, and no two of them fall on one day, however late runs come.
func ExampleNextStage() {
	p := billing.Policy{RetryDays: []int{1, 3, 5}}
	declined := payment.NewDate(2026, time.January, 31)
	for stage, today := 0, declined; ; stage++ {
		next, last := billing.NextStage(p, stage, declined, today)
		if last {
			fmt.Println("no further retry")
			return
		}
		fmt.Printf("retry %d on %s\n", stage+1, next)
		today = next
	}
	// Output:
	// retry 1 on 2026-02-01
	// retry 2 on 2026-02-03
	// retry 3 on 2026-02-05
	// no further retry
}

// While an attempt is in doubt, no other is made: the invoice is not charged, it is set aside.
func ExampleDecideClaim() {
	money := payment.Money{Amount: 1299, Currency: "USD"}
	due := payment.NewDate(2026, time.January, 31)
	s := billing.Subscription{ID: 42, CustomerID: "customer-42", Status: billing.Active, Gateway: "main", Method: "card-1", Money: money}
	inv := billing.Invoice{ID: 9, SubscriptionID: 42, Due: due, Money: money}
	p := billing.Policy{RetryDays: []int{1, 3, 5}}
	known := func(gateway string) bool { return gateway == "main" }

	c := billing.DecideClaim(inv, s, nil, p, due, known)
	fmt.Println(c.Action == billing.Charge, c.Key)

	past := []billing.PastAttempt{{ID: 5, No: 1, Key: c.Key, Status: billing.AttemptInDoubt, Gateway: "main", Method: "card-1"}}
	c = billing.DecideClaim(inv, s, past, p, due, known)
	fmt.Println(c.Action == billing.ReviewInvoice, c.Reason)
	// Output:
	// true sub_42_20260131-1
	// true attempt 5 is not settled
}

// What follows from an answer is one value: the attempt's status, the invoice's, its next date and the events to publish.
func ExampleSettle() {
	money := payment.Money{Amount: 1299, Currency: "USD"}
	due := payment.NewDate(2026, time.January, 31)
	a := billing.Attempt{
		ID: 5, No: 1, Gateway: "main",
		Invoice: billing.Invoice{ID: 9, SubscriptionID: 42, Due: due, Money: money},
		Charge:  payment.Charge{Key: billing.Key(42, due, 1), Reference: billing.Reference(42, due), CustomerID: "customer-42", Money: money},
	}
	declined := billing.Answer{Outcome: payment.Outcome{
		Kind: payment.Refused, Decline: payment.Decline{Class: payment.Soft, Code: "insufficient_funds", Message: "Insufficient funds."},
	}}
	s := billing.Settle(a, declined, billing.Active, billing.Policy{RetryDays: []int{1, 3, 5}}, due, due.Time())
	fmt.Println("attempt:", s.Attempt)
	fmt.Println("invoice:", s.Invoice, "again on", s.Next)
	fmt.Println("subscription:", s.SubscriptionFrom, "to", s.SubscriptionTo)
	for _, e := range s.Events {
		fmt.Println("event:", e.Type)
	}
	// Output:
	// attempt: declined
	// invoice: open again on 2026-02-01
	// subscription: active to past_due
	// event: payment.failed
}
