package payment_test

import (
	"fmt"

	"duly/internal/payment"
)

// Amounts are in minor units of their currency.
func ExampleMoney_String() {
	fmt.Println(payment.Money{Amount: 1299, Currency: "USD"})
	fmt.Println(payment.Money{Amount: 12900, Currency: "KRW"}) // the won has no minor unit
	// Output:
	// 12.99 USD
	// 12,900 KRW
}

// A gateway's record pays for a charge only if it matches in every field: a record of another amount is left to an operator.
func ExampleJudge() {
	c := payment.Charge{
		Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "customer-42",
		Money: payment.Money{Amount: 1299, Currency: "USD"},
	}
	record := payment.Payment{
		ID: "pay_1", Status: payment.Succeeded, Key: c.Key, Reference: c.Reference, CustomerID: c.CustomerID, Money: c.Money,
	}
	fmt.Println(payment.Judge(c, record).Kind)

	record.Money.Amount = 999
	o := payment.Judge(c, record)
	fmt.Printf("%s: %s\n", o.Kind, o.Reason)
	// Output:
	// succeeded
	// differs: gateway booked 9.99 USD, invoice is 12.99 USD
}

// A request that timed out may have taken the money. What a later request under the same key says of itself alone does not change that.
func ExampleOutcome_After() {
	timeout := payment.Outcome{Kind: payment.InDoubt, Reason: "timed out after 30s"}
	o, doubted := timeout.After(false)
	fmt.Println(o.Kind, doubted)

	refused := payment.Outcome{Kind: payment.NotExecuted, Reason: "connection refused"}
	o, _ = refused.After(doubted)
	fmt.Println(o.Kind)

	paid := payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}
	o, _ = paid.After(doubted)
	fmt.Println(o.Kind)
	// Output:
	// in_doubt true
	// in_doubt
	// succeeded
}

func ExampleParseDate() {
	d, err := payment.ParseDate("2026-01-31")
	fmt.Println(d, d+1, err)

	_, err = payment.ParseDate("2026-02-30")
	fmt.Println(err)
	// Output:
	// 2026-01-31 2026-02-01 <nil>
	// "2026-02-30" is not a date such as 2026-01-31
}
