// Package plan configures a simulator: the ways in which charges end, the faults, latency and outages, and the draws that decide which
// request meets which.
//
// What happens to a request is decided from the seed, its idempotency key and how many requests that key has
// had, so that a run can be repeated whatever the order in which concurrent requests arrive (a Rise, a rate
// limit and outages go by time and totals instead).
//
// # Payment methods
//
// A payment method of the form
//
//	pm_NAME[_N][_then_NAME][:ANYTHING]
//
// says what becomes of its charges. What follows the colon is ignored, so that a shop can append its own id:
// "pm_ok:42". Any other method ends by Config.Methods or Config.Shares.
//
// NAME is an outcome (see [Outcomes]):
//
//	ok                                          succeeded
//	soft, insufficient_funds, limit_exceeded    soft declines
//	hard, stolen_card, closed_account           hard declines
//	action, expired_card                        the customer must act
//	try_later, processing_error                 declined without a class: may work soon
//	unknown_code                                declined with a code that nobody knows
//	pending                                     accepted and never decided
//	requires_action                             pending until the customer confirms it, who may do so at any later time; only
//	                                            stripe tells it from pending
//	canceled, refunded                          undone by somebody at once
//	no_code                                     declined without a code that says why
//	reject                                      the request is refused (400)
//	unauthorized, forbidden                     our credentials or our account are (401, 403)
//	unknown_method, deleted_method              there is no such payment method, or not any more
//	error_paid, error_declined, error_nothing   the provider's own error, which it repeats to the same key where it keeps
//	                                            errors; behind it the charge succeeded, was declined, or does not exist
//	refund_later, refund_never, refund_error    succeeded; refunds are done at the next look-up, fail, or are done and answered
//	                                            by the provider's own error
//	wrong_amount, wrong_currency,               executed, but for another amount, currency,
//	wrong_customer, wrong_gateway_customer,     customer, customer of the provider or reference
//	wrong_reference                             than was asked for
//	advice03, advice25                          soft declines of a Mastercard with that advice code
//	renewed                                     succeeded, and the method is replaced by pm_ok:renewed
//
// "pm_soft_2_then_ok" declines the first two charges of a reference. "pm_pending_2_then_ok" is still pending
// at its first two look-ups and decided at the third; without N, Config.Pending says when. "pm_requires_action_then_ok" is
// decided in the same way, unless it is cancelled first.
//
// NAME can also be a fault (see [FaultNames]): "pm_drop_after" plants it on the first request of each key,
// "pm_drop_after_3_then_soft" on the first three, "pm_drop_after_always" on all. A suffix _before or _after
// says whether the charge takes effect, for the faults that may do either; they do unless told otherwise
// (redirect does not).
package plan
