package portone

import (
	"regexp"
	"slices"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/gateway/toss"
	"duly/internal/payment"
)

// Where the codes were read.
const (
	fromSchema    = "PortOne V2 OpenAPI 1.16.0"
	fromReference = "PortOne REST reference, idempotency"
	fromKakaoPay  = "KakaoPay error codes, copies"
	own429        = "none: no limit is published"
)

// Types of errors that more than a table needs.
const (
	pgProvider      = "PG_PROVIDER"
	paymentNotFound = "PAYMENT_NOT_FOUND"
)

// chargeCodes says what the errors of PortOne's own mean in answers to a charge. [pgProvider] is how declines arrive: the company's code beside
// it decides where a table has it.
var chargeCodes = provider.NewTable( //nolint:gochecknoglobals // a constant table
	provider.NewRow(pgProvider, 502, provider.Look, "the payment company refused or failed; its pgCode decides if a table has it", fromSchema, "A"),
	provider.NewRow("ALREADY_PAID", 409, provider.Look, "the id was paid before", fromSchema, "A"),
	provider.NewRow("MAX_TRANSACTION_COUNT_REACHED", 400, provider.Look, "the id was tried too often", fromSchema, "A"),
	provider.NewRow("IDEMPOTENCY_OUTSTANDING_REQUEST", 409, provider.Doubt, "a request under the key is under way", fromReference, "A"),
	provider.NewRow("BILLING_KEY_NOT_FOUND", 404, provider.Action, "no such billing key", fromSchema, "A"),
	provider.NewRow("BILLING_KEY_ALREADY_DELETED", 409, provider.Action, "the billing key was deleted", fromSchema, "A"),
	provider.NewRow("PAYMENT_SCHEDULE_ALREADY_EXISTS", 409, provider.Rejected, "somebody else's schedule waits under our id: delete it at PortOne", fromSchema, "A"),
	provider.NewRow("INVALID_REQUEST", 400, provider.Rejected, "a field is missing or wrong", fromSchema, "A"),
	provider.NewRow("DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT", 400, provider.Rejected, "a discount is above the amount", fromSchema, "A"),
	provider.NewRow("PROMOTION_PAY_METHOD_DOES_NOT_MATCH", 400, provider.Rejected, "a promotion of another payment method", fromSchema, "A"),
	provider.NewRow("SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT", 409, provider.Rejected, "tax-free amount and tax are above the amount", fromSchema, "A"),
	provider.NewRow("UNAUTHORIZED", 401, provider.Misconfigured, "the secret is refused", fromSchema, "A"),
	provider.NewRow("FORBIDDEN", 403, provider.Misconfigured, "the secret may not do this, or not for this store", fromSchema, "A"),
	provider.NewRow("CHANNEL_NOT_FOUND", 404, provider.Misconfigured, "no such channel: channel_key", fromSchema, "A"),
)

// refundCodes says what the errors of PortOne mean in answers to a refund.
var refundCodes = provider.NewTable( //nolint:gochecknoglobals // a constant table
	provider.NewRow("PAYMENT_NOT_PAID", 409, payment.EffectRefused, "the payment was never paid", fromSchema, "A"),
	provider.NewRow("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", 409, payment.EffectRefused, "less is left", fromSchema, "A"),
	provider.NewRow("MAX_CANCEL_COUNT_REACHED", 409, payment.EffectRefused, "the payment was refunded in too many parts", fromSchema, "A"),
	provider.NewRow("PAYMENT_ALREADY_CANCELLED", 409, payment.EffectUnknown, "nothing is left, perhaps by this refund", fromSchema, "A"),
	provider.NewRow("CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", 409, payment.EffectUnknown, "the balance changed, perhaps by this refund", fromSchema, "A"),
	provider.NewRow("IDEMPOTENCY_OUTSTANDING_REQUEST", 409, payment.EffectUnknown, "a request under the key is under way", fromReference, "A"),
	provider.NewRow(pgProvider, 502, payment.EffectUnknown, "the payment company refused or failed", fromSchema, "A"),
	provider.NewRow("INVALID_REQUEST", 400, payment.EffectRejected, "a field is missing or wrong", fromSchema, "A"),
	provider.NewRow("NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT", 400, payment.EffectRejected, "less than nothing beside a promotion", fromSchema, "A"),
	provider.NewRow("PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED", 400, payment.EffectRejected, "a promotion of an earlier part", fromSchema, "A"),
	provider.NewRow("SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT", 409, payment.EffectRejected, "tax-free amount and tax are above the refund", fromSchema, "A"),
	provider.NewRow("CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT", 409, payment.EffectRejected, "less tax is left", fromSchema, "A"),
	provider.NewRow("CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT", 409, payment.EffectRejected, "less tax-free amount is left", fromSchema, "A"),
	provider.NewRow(paymentNotFound, 404, payment.EffectRejected, "no such payment", fromSchema, "A"),
	provider.NewRow("UNAUTHORIZED", 401, payment.EffectMisconfigured, "the secret is refused", fromSchema, "A"),
	provider.NewRow("FORBIDDEN", 403, payment.EffectMisconfigured, "the secret may not do this, or not for this store", fromSchema, "A"),
)

// kakaoPay are the codes that PortOne hands on from KakaoPay for a payment that failed. That it hands on these is not documented.
var kakaoPay = provider.NewTable( //nolint:gochecknoglobals // a constant table
	provider.NewRow("-780", 0, provider.Soft, "not approved", fromKakaoPay, "C"),
	provider.NewRow("-782", 0, provider.Soft, "the subscription charge failed", fromKakaoPay, "C"),
	provider.NewRow("USER_LOCKED", 0, provider.Later, "the wallet is locked for now", fromKakaoPay, "C"),
	provider.NewRow("-750", 0, provider.Action, "no such subscription id", fromKakaoPay, "C"),
	provider.NewRow("-751", 0, provider.Action, "the subscription id is inactive", fromKakaoPay, "C"),
	provider.NewRow("-752", 0, provider.Soft, "the uses of this month are spent", fromKakaoPay, "C"),
	provider.NewRow("-797", 0, provider.Soft, "above the limit of one payment", fromKakaoPay, "C"),
)

// companies are the tables of payment companies, by the name that PortOne gives them.
func companies() map[string]provider.Table[provider.Class] {
	return map[string]provider.Table[provider.Class]{"TOSSPAYMENTS": toss.Charges(), "KAKAOPAY": kakaoPay}
}

var codeWord = regexp.MustCompile(`^[A-Z]+(_[A-Z0-9]+)+$`)

// pgDecline is what a code of a payment company says at once, in an answer that does not name the company: only words that no two
// companies share. A number is looked up.
func pgDecline(code string) (provider.Class, bool) {
	if !codeWord.MatchString(code) {
		return provider.Unknown, false
	}
	row, known := toss.Charges().Row(code)
	return row.Is, known && row.Is.Declines()
}

// Codes lists what the adapter knows of PortOne's answers, for people. The codes of companies stand beside the record that shows them.
func Codes() []gateway.Code {
	overload := gateway.Code{
		Code: "*", Status: 429, Of: "charge", Class: provider.None.String(), Meaning: "too many requests", Source: own429, Certainty: "C",
	}
	var declines []gateway.Code
	for _, c := range toss.Charges().Codes("record") {
		if c.Class == "soft" || c.Class == "hard" || c.Class == "action" || c.Class == "later" {
			c.Meaning, c.Status, c.Certainty = "TOSSPAYMENTS: "+c.Meaning, 0, "C"
			declines = append(declines, c)
		}
	}
	for _, c := range kakaoPay.Codes("record") {
		c.Meaning = "KAKAOPAY: " + c.Meaning
		declines = append(declines, c)
	}
	return slices.Concat(chargeCodes.Codes("charge"), []gateway.Code{overload}, refundCodes.Codes("refund"), declines)
}
