package gatewaytest

// Traits are the ways in which a provider's API differs from docs/payments-api.yaml. The zero value is that contract. A trait excuses nothing:
// the suite expects what the provider says of itself instead. The sources are the pages and specifications that the adapters' tables name too.
type Traits struct {
	// BlankSuccess: the answer to a charge that was paid names neither amount, currency, customer nor status, so that a payment which is not
	// ours, or not paid at all, looks like a success until it is looked up. PortOne: BillingKeyPaymentSummary has pgTxId and paidAt (OpenAPI
	// 1.16.0). A success that is older than its request must be looked up before it counts.
	BlankSuccess bool
	// CustomerHidden: no answer and no record names the customer, so that one who differs cannot be seen. Toss: Payment has no customerKey
	// (API 2022-11-16).
	CustomerHidden bool
	// CurrencyHidden: no answer names the currency. KakaoPay: won alone.
	CurrencyHidden bool
	// StatusHidden: the answer to a charge that was paid has no status, so that one which was taken back at once looks like any other until it
	// is looked up. KakaoPay: the answer of …/payment/subscription.
	StatusHidden bool
	// PendingUnread: a charge that is not decided is answered by what is no payment, and nothing leads back to it. KakaoPay: without approved_at
	// nothing is approved, and without a tid nothing can be asked.
	PendingUnread bool
	// DeclinesUnrecorded: a declined charge leaves no payment. KakaoPay: an error has no tid.
	DeclinesUnrecorded bool
	// ReasonsUnknown: the reasons of most declines are not published, and count as soft. KakaoPay: method_result_code.
	ReasonsUnknown bool
	// NothingSaysNot: no answer says that nothing was executed. KakaoPay: neither 429 nor 503 is published.
	NothingSaysNot bool
	// RefundsLookAfter: a refund whose answer is lost is looked for at once, and done if the payment shows it. KakaoPay: there are no keys.
	RefundsLookAfter bool
	// ReferenceInKey: the reference is read from the key, so that a record of another reference is the answer to another question. Toss: a charge
	// has no place for a reference but its orderId.
	ReferenceInKey bool
	// TooManyAlone: 429 is the only answer that says that nothing was executed. PortOne and Toss have no other; a 503 of theirs says nothing.
	TooManyAlone bool
	// BusyIsTooMany: what elsewhere is the one 503 that may be believed is a 429 too. Stripe: lock_timeout (error-low-level).
	BusyIsTooMany bool
	// LaterIsSoft: a decline that passes comes with advice that makes it a soft one. Stripe: advice_code try_again_later.
	LaterIsSoft bool
	// ErrorsAskAgain: an error may count as the provider's answer, and the key be sent again all the same. Stripe: a 500 without
	// Stripe-Should-Retry (error-low-level).
	ErrorsAskAgain bool
	// KeyConflictUnknown: the answer to a key that comes with another body is not described, and is plainly in doubt. PortOne: it is forbidden, and
	// the answer is not described (REST reference, idempotency).
	KeyConflictUnknown bool
	// BodyIgnored: a key answers whatever its body is now, with its first answer. Toss: keys are matched by key, API key, path and method
	// (docs.tosspayments.com, idempotency).
	BodyIgnored bool
	// NoCancel: a payment that is not decided cannot be cancelled, so that no cancellation is ever sent. PortOne and Toss: cancel refunds what
	// was paid.
	NoCancel bool
	// CancelsDeclined: a declined payment can be cancelled, and is declined all the same. Stripe: from requires_payment_method.
	CancelsDeclined bool
	// Finishable: a charge may wait for its customer, who can finish it at any later time unless it is cancelled. Stripe: requires_action.
	Finishable bool
	// CancelIsRefund: what somebody cancels was paid before, and is shown as refunded in full. PortOne (amount.cancelled) and Toss (balanceAmount).
	CancelIsRefund bool
	// RefundsOnce: a refund is found in the payment's own record by its key, so that it is done once however old its key is. PortOne and Toss:
	// the adapter writes a tag of the key into the reason that the provider keeps.
	RefundsOnce bool
	// DeclinesUnlisted: the list lacks payments that took no money. Toss: transactions are approvals and cancellations (measured).
	DeclinesUnlisted bool
}
