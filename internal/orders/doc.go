// Package orders holds the rules of stale orders and of giving money back: what follows from what the gateway
// says of an order's payments, which orders get the stock that is left, and when to ask again. It is pure: no
// clock, no SQL, no HTTP.
//
// Decide is the table of docs/protocol.md; the first line that holds counts. Where the table is silent:
//
//   - A payment recorded as succeeded beside an order that is completed, or in a status of the shop's own, stands
//     as recorded and is not asked about: it is a success that is kept. LineShops sends an order to review only for
//     a success that is new.
//   - What was refunded in full, by whomever, counts as not paid and becomes refunded; in part, it differs.
//   - An answer about somebody else's charge (key, reference or customer are not ours) is a success that differs, or
//     else no answer at all: an operator must look.
//   - A row in review, or in a payment status that is the shop's own, is never changed, and freezes its order.
//   - A gateway's record without an answer is waited for; what cannot be asked about is waited for until
//     Policy.GiveUpAfter, and then an operator must look. What was asked about in vain is left to an operator once
//     payment.Patience is over as well; a check that could not ask counts for nothing.
//   - A charge that never arrived is asked about once more after created_at + L + R; see standing.absent.
//   - A payment that was found pending keeps the gateway's id, and one that was given up before is pending again.
package orders
