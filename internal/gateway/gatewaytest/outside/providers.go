package outside

import (
	"duly/internal/gateway/contract"
)

// Rules that providers have in common, by their names.
//
//nolint:gochecknoglobals // constant lists
var (
	cancellations = []string{"cancel: decided already", "cancel: no such payment", "cancel: pending"}
	keyRules      = []string{
		"same key again", "lost answer", "cut connection", "same key, ten at once", "same key, another amount", "refund: same key again",
	}
	listRules = []string{"list", "list: edges of the window"}
)

// onlyLive is the rule of what happens at an account that takes real money alone.
const onlyLive = "what only happens live"

// pagesRule is the rule of lists that have several pages of the provider's.
const pagesRule = "list: several pages"

func portOne() Provider {
	const rest = "PortOne V2, OpenAPI 1.16.0, in docs/portone-api.yaml"
	why := map[string]string{}
	cannot(why, "PortOne cancels no payment that is not paid, and none is asked for", cancellations...)
	cannot(why, refundsFound, "refund: lost answer")
	return Provider{
		API: contract.API{
			Provider: "PortOne", List: "/payments-by-cursor", Receipt: []string{"payment", "pgTxId"},
			Fields: []string{
				"payment", "items", "id", "transactionId", "pgTxId", "status", "type", "pgCode", "amount", "total", "paid", "cancelled", "currency", "requestedAt", "paidAt",
				"failedAt", "channel", "key", "pgProvider", "failure", "cancellations", "cancellation", "totalAmount", "currentCancellableAmount", "storeId", "channelKey",
			},
		},
		UnknownID: "duly-no-such-payment",
		Promises: map[contract.Sentence]Promise{ //nolint:exhaustive // the others are in expected
			contract.SentenceReplay:    {"A paymentId succeeds once, and the same Idempotency-Key gets its first answer for three hours.", rest + "; developers.portone.io, idempotency"},
			contract.SentenceOtherBody: {"A paymentId that was paid is not charged again, whatever the request says.", rest},
			contract.SentencePending:   {"A charge of a billing key that is answered 200 is PAID.", rest},
			contract.SentenceLookup:    {"GET /payments/{paymentId} shows a payment by the id that we gave it.", rest},
			contract.SentenceList:      {"GET /payments-by-cursor lists every payment between from and until.", rest},
			contract.SentenceRefunded:  {"POST /payments/{paymentId}/cancel gives back the amount that it names, and the cancellation says so.", rest},
		},
		Cannot: why,
		Unseen: []Result{
			{Rule: pagesRule, Detail: "a page has 1,000 payments, and the suite makes 30"},
			{Rule: onlyLive, Detail: "companies that take real money, that decide refunds later (REQUESTED) or that fail without a code, schedules, webhooks"},
		},
	}
}

// refundsFound says why the rule of a lost refund belongs to providers without keys.
const refundsFound = "it has keys: see refund: same key again"

func toss() Provider {
	const keys = "docs.tosspayments.com/reference/using-api/idempotency-key"
	const core = "docs.tosspayments.com, core API of version 2022-11-16, in docs/toss-api.yaml"
	why := map[string]string{}
	cannot(why, "Toss cancels no payment that is not paid, and none is asked for", cancellations...)
	cannot(why, refundsFound, "refund: lost answer")
	return Provider{
		API: contract.API{
			Provider: "Toss Payments", List: "/v1/transactions",
			Fields: []string{
				"paymentKey", "orderId", "transactionKey", "status", "code", "type", "amount", "totalAmount", "balanceAmount", "currency", "requestedAt", "approvedAt", "transactionAt",
				"failure", "cancels", "cancelAmount", "cancelStatus", "refundableAmount", "canceledAt",
			},
		},
		UnknownID:       "duly-no-such-payment",
		GatewayCustomer: "the customerKey that it was issued to",
		Promises: map[contract.Sentence]Promise{ //nolint:exhaustive // the others are in expected
			contract.SentenceReplay:    {"The same idempotency key gets the first answer for 15 days, and nothing is done again.", keys},
			contract.SentenceOtherBody: {"Keys are matched by key, API key, path and method: another body gets the first answer.", keys},
			contract.SentencePending:   {"A charge of a billing key that is answered 200 is DONE.", core},
			contract.SentenceLookup:    {"A payment is shown by its paymentKey and by its orderId.", core},
			contract.SentenceList:      {"GET /v1/transactions lists every approval and cancellation between startDate and endDate.", core},
			contract.SentenceRefunded:  {"A cancellation gives back its cancelAmount, and balanceAmount is less by so much.", core},
		},
		Cannot: why,
		Unseen: []Result{
			{Rule: pagesRule, Detail: "a page has 1,000 transactions, and the suite makes fewer"},
			{Rule: onlyLive, Detail: "refusals of card companies with their own codes, maintenance hours of banks, settlements, webhooks: test keys approve without money"},
		},
	}
}

func stripe() Provider {
	const keys = "docs.stripe.com/api/idempotent_requests"
	const intents = "docs.stripe.com/api/payment_intents, version 2026-08-26.dahlia, in docs/stripe-api.yaml"
	why := map[string]string{}
	cannot(why, refundsFound, "refund: lost answer")
	return Provider{
		API: contract.API{
			Provider: "Stripe", List: "created%5Bgte%5D=",
			Fields: []string{
				"id", "object", "error", "type", "code", "decline_code", "advice_code", "network_decline_code", "network_advice_code", "param", "payment_intent", "status", "amount",
				"amount_received", "amount_refunded", "currency", "created", "livemode", "cancellation_reason", "confirm", "off_session", "metadata", "duly_key", "duly_reference",
				"latest_charge", "last_payment_error", "data", "has_more",
			},
		},
		UnknownID:       "pi_0000000000000000duly",
		GatewayCustomer: "its customer, cus_…",
		Steps:           map[string]int64{"BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10}, //nolint:mnd // the third decimal is 0
		Promises: map[contract.Sentence]Promise{ //nolint:exhaustive // the others are in expected
			contract.SentenceReplay:    {"The same key gets the saved status and body of the first request, errors too, for 24 hours at least.", keys},
			contract.SentenceOtherBody: {"A key that comes with other parameters is an error.", keys},
			contract.SentencePending:   {"A PaymentIntent of a card that is confirmed off session is decided.", intents},
			contract.SentenceLookup:    {"A PaymentIntent is shown by its id, and in the list of its customer, as soon as it is made.", intents},
			contract.SentenceList:      {"The list has every PaymentIntent that was created in the range.", intents},
			contract.SentenceRefunded:  {"A refund gives back its amount, and the charge's amount_refunded is more by so much.", "docs.stripe.com/api/refunds, in docs/stripe-api.yaml"},
			contract.SentenceCanceled:  {"A PaymentIntent that is cancelled takes no money.", intents},
			contract.SentenceDecided:   {"A PaymentIntent that succeeded cannot be cancelled.", intents},
		},
		Cannot: why,
		Unseen: []Result{
			{Rule: pagesRule, Detail: "a page has 100 payments, and the suite makes 30"},
			{Rule: onlyLive, Detail: "disputes, refunds that a bank fails days later, advice of card networks, connected accounts"},
		},
	}
}

func kakaoPay() Provider {
	const guide = "KakaoPay's guide of subscriptions, in docs/kakaopay-api.yaml"
	why := map[string]string{}
	cannot(why, "KakaoPay finds no payment by our key, but by its tid alone", "unknown key", "look-up by key")
	cannot(why, "KakaoPay keeps no keys: a second request would be a second charge, so that duly never sends one", keyRules...)
	cannot(why, "KakaoPay lists no payments", listRules...)
	cannot(why, "KakaoPay cancels no payment that is not paid, and none is asked for", cancellations...)
	cannot(why, "a charge that is not decided is answered by what is no payment, and nothing leads back to it", "pending", "pending, then decided")
	cannot(why, "KakaoPay publishes the reasons of few declines: name such a method with --method declined=METHOD", "declined: soft", "declined: hard", "declined: action", "declined: try_later")
	return Provider{
		API: contract.API{
			Provider: "KakaoPay", Reads: []string{"/payment/order", "/manage/subscription/status"}, TooManyUnsure: true,
			Fields: []string{
				"aid", "tid", "cid", "partner_order_id", "status", "error_code", "extras", "method_result_code", "amount", "total", "quantity", "total_amount", "cancel_amount",
				"canceled_amount", "approved_cancel_amount", "cancel_available_amount", "created_at", "approved_at",
			},
		},
		UnknownID:       "T0000000000000000000",
		GatewayCustomer: "the partner_user_id of its first payment",
		Promises: map[contract.Sentence]Promise{ //nolint:exhaustive // the others are in expected
			contract.SentenceSettled:  {"The answer to a charge that was approved has an aid, a tid and approved_at.", guide},
			contract.SentenceLookup:   {"A payment is shown by its tid.", guide},
			contract.SentenceRefunded: {"A cancellation gives back its cancel_amount, and canceled_amount is more by so much.", guide},
			sentenceTime:              {"Times are those of Seoul, and name no zone.", guide},
		},
		Cannot: why,
		Unseen: []Result{
			{Rule: onlyLive, Detail: "the limits of a SID, refunds that fail later, webhooks: the test CID moves no money"},
		},
	}
}
