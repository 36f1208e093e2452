package kakaopay

import (
	"fmt"
	"slices"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

const (
	fromList   = "KakaoPay's list of error codes, in two copies that agree"
	fromGuide  = "KakaoPay's guide, by excerpt"
	chargeFail = "-782"
	approval   = "-780"
	noSuchTID  = "-721"
)

// charges is what an error_code says of a charge. The HTTP status says nothing: older lists have 500 where newer ones have 400.
//
//nolint:gochecknoglobals // constant tables
var (
	charges = provider.NewTable(
		provider.NewRow(chargeFail, 0, provider.Soft, "the subscription charge failed; by its method_result_code where that is known", fromList, "B"),
		provider.NewRow(approval, 0, provider.Soft, "an approval failed; by its method_result_code where that is known", fromList, "B"),
		provider.NewRow("-750", 0, provider.Action, "no such SID", fromList, "B"),
		provider.NewRow("-751", 0, provider.Action, "the SID is inactive", fromList, "B"),
		provider.NewRow("-752", 0, provider.Soft, "the SID's uses of this month are spent", fromList, "B"),
		provider.NewRow("-797", 0, provider.Soft, "above the limit of one payment", fromList, "B"),
		provider.NewRow("-753", 0, provider.Rejected, "not the partner_user_id of the SID's first payment", fromList, "B"),
		provider.NewRow("-703", 0, provider.Rejected, "an amount is wrong", fromList, "B"),
		provider.NewRow("-704", 0, provider.Rejected, "an amount is wrong", fromList, "B"),
		provider.NewRow("-705", 0, provider.Rejected, "an amount is wrong", fromList, "B"),
		provider.NewRow("-706", 0, provider.Rejected, "an amount is wrong", fromList, "B"),
		provider.NewRow("-707", 0, provider.Rejected, "an amount is wrong", fromList, "B"),
		provider.NewRow("-708", 0, provider.Rejected, "an amount is wrong", fromList, "B"),
		provider.NewRow("-722", 0, provider.Rejected, "the amounts differ", fromList, "B"),
		provider.NewRow("-724", 0, provider.Rejected, "the order data differ", fromList, "B"),
		provider.NewRow("-725", 0, provider.Rejected, "the order data differ", fromList, "B"),
		provider.NewRow("-726", 0, provider.Rejected, "the order data differ", fromList, "B"),
		provider.NewRow("-730", 0, provider.Misconfigured, "the application", fromList, "B"),
		provider.NewRow("-731", 0, provider.Misconfigured, "the CID", fromList, "B"),
		provider.NewRow("-732", 0, provider.Misconfigured, "the group of the CID", fromList, "B"),
		provider.NewRow("-733", 0, provider.Misconfigured, "the CID's secret", fromList, "B"),
		provider.NewRow("-798", 0, provider.Misconfigured, "a call from another IP address", fromList, "B"),
		provider.NewRow("-799", 0, provider.Misconfigured, "a call from another domain", fromList, "B"),
		provider.NewRow("-785", 0, provider.Look, "a charge or cancellation was asked for twice", fromList, "B"),
	)
	// results is what the method_result_code of a failed charge says.
	results = provider.NewTable(
		provider.NewRow("USER_LOCKED", 0, provider.Later, "the customer is paying elsewhere at this moment", fromGuide, "B"),
	)
	// refunds is what an error_code says of a refund.
	refunds = provider.NewTable(
		provider.NewRow("-710", 0, payment.EffectRefused, "more than is left", fromList, "B"),
		provider.NewRow("-711", 0, payment.EffectRefused, "more than is left", fromList, "B"),
		provider.NewRow("-784", 0, payment.EffectRefused, "cannot be cancelled", fromList, "B"),
		provider.NewRow("-781", 0, payment.EffectUnknown, "the cancellation failed", fromList, "B"),
		provider.NewRow(noSuchTID, 0, payment.EffectRejected, "no such payment", fromList, "B"),
	)
)

// Codes lists every code that is known, for people. Whatever is not listed leaves a charge in doubt, and the outcome of a refund unknown.
func Codes() []gateway.Code {
	return slices.Concat(charges.Codes("charge"), results.Codes("charge"), refunds.Codes("refund"))
}

// class is what an error says of a charge.
func (e errorBody) class() provider.Class {
	row, ok := charges.Row(e.number())
	if !ok {
		return provider.Unknown
	}
	if row.Code == chargeFail || row.Code == approval {
		if by, ok := results.Row(e.Extras.Code); ok {
			return by.Is
		}
	}
	return row.Is
}

// effect is what an error says of a refund.
func (e errorBody) effect() payment.Effect {
	if row, ok := refunds.Row(e.number()); ok {
		return row.Is
	}
	switch e.class() { //nolint:exhaustive // the others say nothing of a refund
	case provider.Rejected:
		return payment.EffectRejected
	case provider.Misconfigured:
		return payment.EffectMisconfigured
	}
	return payment.EffectUnknown
}

// number is the error's code as it is written.
func (e errorBody) number() string { return fmt.Sprint(*e.Code) }
