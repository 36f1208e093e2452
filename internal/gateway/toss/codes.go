package toss

import (
	"slices"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// Where the codes were read.
const (
	fromList   = "docs.tosspayments.com, error codes, and copies"
	fromKeys   = "docs.tosspayments.com, idempotency"
	fromTests  = "measured with test keys"
	fromClient = "client code of third parties"
)

// Codes that more than a table needs.
const (
	notFoundPayment    = "NOT_FOUND_PAYMENT"
	consecutiveRequest = "FORBIDDEN_CONSECUTIVE_REQUEST"
)

// chargeCodes says what Toss's errors mean in answers to a charge, and as the failure in a payment's record.
var chargeCodes = provider.NewTable( //nolint:gochecknoglobals // a constant table
	provider.NewRow("INVALID_STOPPED_CARD", 400, provider.Hard, "the card is stopped", fromList, "B"),
	provider.NewRow("INVALID_CARD_LOST_OR_STOLEN", 400, provider.Hard, "the card is lost or stolen", fromList, "B"),
	provider.NewRow("INVALID_CARD_NUMBER", 400, provider.Hard, "no such card number", fromList, "B"),

	provider.NewRow("INVALID_CARD_EXPIRATION", 400, provider.Action, "the card has expired", fromList, "B"),
	provider.NewRow("INVALID_REJECT_CARD", 400, provider.Action, "the issuer refuses the card: the customer asks there", fromList, "B"),
	provider.NewRow("NOT_SUPPORTED_CARD_TYPE", 400, provider.Action, "a card of an unsupported sort", fromList, "B"),
	provider.NewRow("NOT_REGISTERED_CARD_COMPANY", 400, provider.Action, "the card is not registered with its company", fromList, "B"),
	provider.NewRow("INVALID_BILL_KEY_REQUEST", 400, provider.Action, "the billing key cannot be used", fromList, "B"),
	provider.NewRow("ALREADY_REMOVED_BILLING_KEY", 400, provider.Action, "the billing key was deleted", fromList, "B"),
	provider.NewRow("BILLING_KEY_NOT_FOUND", 400, provider.Action, "no such billing key", fromList, "B"),
	provider.NewRow("INVALID_ACCOUNT_INFO_RE_REGISTER", 400, provider.Action, "the account must be registered again", fromList, "B"),
	provider.NewRow("NOT_FOUND_BILLING", 404, provider.Action, "no such billing key", fromList, "B"),
	provider.NewRow("FDS_ERROR", 403, provider.Action, "held back by fraud detection", fromList, "B"),
	provider.NewRow("EXCEED_MAX_AUTH_COUNT", 403, provider.Action, "authenticated wrongly too often", fromList, "B"),
	provider.NewRow("REJECT_TOSSPAY_INVALID_ACCOUNT", 403, provider.Action, "the account cannot be debited", fromList, "B"),
	provider.NewRow("INVALID_PASSWORD", 403, provider.Action, "a wrong password", fromList, "B"),

	provider.NewRow("REJECT_CARD_PAYMENT", 403, provider.Soft, "over the limit, or no balance", fromList, "B"),
	provider.NewRow("REJECT_ACCOUNT_PAYMENT", 403, provider.Soft, "no balance", fromList, "B"),
	provider.NewRow("REJECT_CARD_COMPANY", 403, provider.Soft, "the card company does not approve", fromList, "B"),
	provider.NewRow("EXCEED_MAX_ONE_DAY_AMOUNT", 403, provider.Soft, "over the limit of a day", fromList, "B"),
	provider.NewRow("EXCEED_MAX_DAILY_PAYMENT_COUNT", 400, provider.Soft, "too many payments in a day", fromList, "B"),
	provider.NewRow("EXCEED_MAX_PAYMENT_AMOUNT", 400, provider.Soft, "over the limit of a payment", fromList, "B"),
	provider.NewRow("EXCEED_MAX_AMOUNT", 400, provider.Soft, "over the limit", fromList, "B"),
	provider.NewRow("EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT", 400, provider.Soft, "over the limit of a month", fromList, "B"),
	provider.NewRow("EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT", 400, provider.Soft, "over the account's limit of a day", fromList, "B"),
	provider.NewRow("EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT", 400, provider.Soft, "over the account's limit of a payment", fromList, "B"),

	provider.NewRow("NOT_AVAILABLE_PAYMENT", 400, provider.Later, "outside the hours of payments", fromList, "B"),
	provider.NewRow("MAINTAINED_METHOD", 400, provider.Later, "the method is under maintenance", fromList, "B"),
	provider.NewRow("RESTRICTED_TRANSFER_ACCOUNT", 400, provider.Later, "the account was registered less than 12 hours ago", fromList, "B"),
	provider.NewRow("NOT_AVAILABLE_BANK", 403, provider.Later, "outside the bank's hours", fromList, "B"),

	provider.NewRow("PROVIDER_ERROR", 400, provider.Look, "a passing fault; the key repeats this answer", fromList, "B"),
	provider.NewRow("CARD_PROCESSING_ERROR", 400, provider.Look, "the card company failed; the key repeats this answer", fromList, "B"),
	provider.NewRow("COMMON_ERROR", 500, provider.Look, "a passing fault", fromList, "B"),
	provider.NewRow("UNKNOWN_ERROR", 500, provider.Look, "a fault", fromList, "B"),
	provider.NewRow("UNKNOWN_PAYMENT_ERROR", 500, provider.Look, "a fault", fromList, "B"),
	provider.NewRow("FAILED_INTERNAL_SYSTEM_PROCESSING", 500, provider.Look, "a fault inside Toss", fromList, "B"),
	provider.NewRow("FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING", 500, provider.Look, "a fault inside Toss", fromList, "B"),
	provider.NewRow("FAILED_METHOD_HANDLING", 500, provider.Look, "the method could not be handled", fromList, "B"),
	provider.NewRow("FAILED_DB_PROCESSING", 500, provider.Look, "a fault inside Toss", fromList, "B"),
	provider.NewRow("FAILED_CARD_COMPANY_RESPONSE", 500, provider.Look, "the card company's answer could not be read", fromList, "B"),
	provider.NewRow("FAILED_BILLING_AUTO_CANCEL", 500, provider.Look, "the automatic cancellation of a charge failed", fromList, "B"),
	provider.NewRow("ALREADY_PROCESSED_PAYMENT", 400, provider.Look, "the order was paid before", fromList, "B"),
	provider.NewRow("ALREADY_COMPLETED_PAYMENT", 400, provider.Look, "the order was paid before", fromList, "B"),
	provider.NewRow("DUPLICATED_ORDER_ID", 400, provider.Look, "the orderId was used before", fromList, "B"),
	provider.NewRow("DUPLICATED_REQUEST", 400, provider.Look, "the request came before", fromList, "B"),

	provider.NewRow("IDEMPOTENT_REQUEST_PROCESSING", 409, provider.Doubt, "a request under the key is under way", fromKeys, "A"),
	provider.NewRow(consecutiveRequest, 403, provider.Doubt, "asked again too fast", fromTests, "B"),

	provider.NewRow("INVALID_REQUEST", 400, provider.Rejected, "a field is wrong", fromList, "B"),
	provider.NewRow("INVALID_REQUIRED_PARAM", 400, provider.Rejected, "a field is missing", fromList, "B"),
	provider.NewRow("INVALID_ORDER_ID", 400, provider.Rejected, "no orderId of 6 to 64 letters, digits, - and _", fromList, "B"),
	provider.NewRow("INVALID_ORDER_NAME", 400, provider.Rejected, "no orderName of up to 100 characters", fromList, "B"),
	provider.NewRow("INVALID_CUSTOMER_KEY", 400, provider.Rejected, "no customerKey of 2 to 300 characters", fromList, "B"),
	provider.NewRow("NOT_MATCHES_CUSTOMER_KEY", 400, provider.Rejected, "the billing key was issued to another customerKey", fromList, "B"),
	provider.NewRow("INVALID_EMAIL", 400, provider.Rejected, "no address of a mailbox", fromList, "B"),
	provider.NewRow("INVALID_CURRENCY", 400, provider.Rejected, "a currency that is not charged", fromList, "B"),
	provider.NewRow("BELOW_MINIMUM_AMOUNT", 400, provider.Rejected, "less than a card (100) or an account (200) takes", fromList, "B"),
	provider.NewRow("BELOW_ZERO_AMOUNT", 400, provider.Rejected, "less than nothing", fromList, "B"),
	provider.NewRow("INVALID_IDEMPOTENCY_KEY", 400, provider.Rejected, "no key of up to 300 characters", fromKeys, "A"),
	provider.NewRow("*INSTALLMENT*", 400, provider.Rejected, "instalments that cannot be had", fromList, "B"),

	provider.NewRow("UNAUTHORIZED_KEY", 401, provider.Misconfigured, "the secret key is refused", fromList, "B"),
	provider.NewRow("INVALID_API_KEY", 400, provider.Misconfigured, "no such secret key", fromList, "B"),
	provider.NewRow("NOT_SUPPORTED_METHOD", 400, provider.Misconfigured, "no contract for billing", fromList, "B"),
	provider.NewRow("API_VERSION_UPDATE_NEEDED", 400, provider.Misconfigured, "the key's API version is too old", fromList, "B"),
	provider.NewRow("NOT_REGISTERED_BUSINESS", 400, provider.Misconfigured, "the business is not registered", fromList, "B"),
	provider.NewRow("INVALID_UNREGISTERED_SUBMALL", 400, provider.Misconfigured, "the shop is not registered with its company", fromList, "B"),
	provider.NewRow("NOT_FOUND_TERMINAL_ID", 400, provider.Misconfigured, "no terminal id", fromList, "B"),
	provider.NewRow("FORBIDDEN_REQUEST", 403, provider.Misconfigured, "the secret key may not do this", fromList, "B"),
	provider.NewRow("INCORRECT_BASIC_AUTH_FORMAT", 403, provider.Misconfigured, "the credentials cannot be read", fromList, "B"),
	provider.NewRow("NOT_FOUND_MERCHANT*", 404, provider.Misconfigured, "no such merchant", fromList, "B"),
	provider.NewRow("NOT_FOUND_HTTP_METHOD", 404, provider.Misconfigured, "no such address of the API", fromList, "B"),
)

// refundCodes says what Toss's errors mean in answers to a refund.
var refundCodes = provider.NewTable( //nolint:gochecknoglobals // a constant table
	provider.NewRow("NOT_CANCELABLE_AMOUNT", 403, payment.EffectRefused, "less is left, also nothing", fromTests, "B"),
	provider.NewRow("NOT_CANCELABLE_PAYMENT*", 403, payment.EffectRefused, "the payment cannot be refunded", fromList, "B"),
	provider.NewRow("EXCEED_MAX_REFUND_DUE", 403, payment.EffectRefused, "too late to be refunded", fromList, "B"),
	provider.NewRow("EXCEED_CANCEL_LIMIT", 403, payment.EffectRefused, "over the limit of refunds", fromList, "B"),
	provider.NewRow("NOT_ALLOWED_PARTIAL_REFUND*", 403, payment.EffectRefused, "refunded in full alone", fromList, "B"),
	provider.NewRow("REFUND_REJECTED", 400, payment.EffectRefused, "the company refuses the refund", fromList, "B"),
	provider.NewRow("NOT_MATCHES_REFUNDABLE_AMOUNT", 400, payment.EffectRefused, "the balance changed; nothing was done", fromTests, "B"),

	provider.NewRow("ALREADY_CANCELED_PAYMENT", 400, payment.EffectUnknown, "nothing is left, perhaps by this refund", fromList, "B"),
	provider.NewRow("ALREADY_REFUND_PAYMENT", 400, payment.EffectUnknown, "refunded before, perhaps by this refund", fromList, "B"),
	provider.NewRow("ALREADY_REFUNDING_PAYMENT", 400, payment.EffectUnknown, "a refund is under way", fromList, "B"),
	provider.NewRow("PROVIDER_ERROR", 400, payment.EffectUnknown, "a passing fault", fromList, "B"),
	provider.NewRow("IDEMPOTENT_REQUEST_PROCESSING", 409, payment.EffectUnknown, "a request under the key is under way", fromKeys, "A"),
	provider.NewRow(consecutiveRequest, 403, payment.EffectUnknown, "asked again too fast", fromTests, "B"),

	provider.NewRow("NOT_AVAILABLE_BANK", 403, payment.EffectNone, "outside the bank's hours", fromList, "B"),

	provider.NewRow(notFoundPayment, 404, payment.EffectRejected, "no such payment", fromList, "B"),
	provider.NewRow("INVALID_REQUEST", 400, payment.EffectRejected, "a field is wrong", fromList, "B"),

	provider.NewRow("UNAUTHORIZED_KEY", 401, payment.EffectMisconfigured, "the secret key is refused", fromList, "B"),
	provider.NewRow("INVALID_API_KEY", 400, payment.EffectMisconfigured, "no such secret key", fromList, "B"),
	provider.NewRow("FORBIDDEN_REQUEST", 403, payment.EffectMisconfigured, "the secret key may not do this", fromList, "B"),
	provider.NewRow("INCORRECT_BASIC_AUTH_FORMAT", 403, payment.EffectMisconfigured, "the credentials cannot be read", fromList, "B"),
)

// Charges is the table of errors that answer a charge, and say in a record why it failed.
func Charges() provider.Table[provider.Class] { return chargeCodes }

// Codes lists what the adapter knows of Toss's answers, for people.
func Codes() []gateway.Code {
	overload := func(of string) []gateway.Code {
		return []gateway.Code{{
			Code: "*", Status: 429, Of: of, Class: provider.None.String(), Meaning: "too many requests", Source: fromClient, Certainty: "B",
		}}
	}
	return slices.Concat(chargeCodes.Codes("charge"), overload("charge"), refundCodes.Codes("refund"), overload("refund"))
}
