package portone

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

func (a api) getPayment(w http.ResponseWriter, r *http.Request) {
	a.s.Look(w, r, core.Look{Operation: core.OpFind, Subject: r.PathValue("paymentId")}, func(_ core.Books, p core.Payment) core.Answer {
		return core.JSON(http.StatusOK, wire(p))
	})
}

func (a api) cancelPayment(w http.ResponseWriter, r *http.Request) {
	body, bodyErr := core.ReadBody(r, mediaType)
	key, keyErr := keyOf(r)
	var in struct {
		StoreID     string  `json:"storeId"`
		Amount      *int64  `json:"amount"`
		Reason      *string `json:"reason"`
		Requester   string  `json:"requester"`
		Cancellable *int64  `json:"currentCancellableAmount"`
		SkipWebhook bool    `json:"skipWebhook"`
	}
	err := errors.Join(bodyErr, keyErr, core.ReadJSON(body, &in))
	switch {
	case err != nil:
	case in.Reason == nil || *in.Reason == "":
		err = errors.New("reason is required")
	case in.Amount != nil && *in.Amount < 1:
		err = errors.New("amount must be at least 1")
	case in.Requester != "" && in.Requester != "CUSTOMER" && in.Requester != "ADMIN":
		err = errors.New("requester must be CUSTOMER or ADMIN")
	}
	ch := core.Change{
		Operation: core.OpRefund, Key: key, Scope: key, ID: r.PathValue("paymentId"), Sum: a.s.Sum(append([]byte(r.URL.Path+"\x00"), body...)),
	}
	if err != nil {
		ch.Refusal = invalid(err)
	}
	ch.Do = func(b core.Books, p core.Payment) core.Answer {
		left := b.Refundable(p)
		switch {
		case p.Status == payment.Declined || p.Status == payment.Pending:
			return failed(http.StatusConflict, "PAYMENT_NOT_PAID", "")
		case left == 0:
			return failed(http.StatusConflict, "PAYMENT_ALREADY_CANCELLED", "")
		case in.Cancellable != nil && *in.Cancellable != left:
			return failed(http.StatusConflict, "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", "")
		case in.Amount == nil:
			in.Amount = &left
		case *in.Amount > left:
			return failed(http.StatusConflict, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", "")
		}
		p = b.Refund(p, *in.Amount, *in.Reason)
		return core.JSON(http.StatusOK, map[string]any{"cancellation": cancellation(p, len(p.Parts)-1)})
	}
	a.s.Change(w, r, ch)
}

func (a api) getBillingKeyInfo(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("billingKey")
	a.s.Ask(w, r, core.OpMethod, key, func(b core.Books) core.Answer {
		deleted, ok := b.Deleted(key)
		if !ok {
			return failed(http.StatusNotFound, "BILLING_KEY_NOT_FOUND", "")
		}
		info := map[string]any{
			"status": "ISSUED", "billingKey": key, "storeId": storeID, "customer": wireCustomer{}, "issuedAt": b.Now().AddDate(-1, 0, 0),
			"channels": []wireChannel{{Type: "TEST", Key: channelKey, PgProvider: "TOSSPAYMENTS", PgMerchantID: "tvivarepublica"}},
		}
		if deleted {
			info["status"], info["deletedAt"] = "DELETED", b.Now()
		}
		return core.JSON(http.StatusOK, info)
	})
}

const (
	defaultPage   = 10
	maxPage       = 1000
	defaultWindow = 90 * 24 * time.Hour
)

// item is one payment of a list.
type item struct {
	Payment wirePayment `json:"payment"`
	Cursor  string      `json:"cursor"`
}

func (a api) getAllPaymentsByCursor(w http.ResponseWriter, r *http.Request) {
	q, err := parseListing(r.URL.Query().Get("requestBody"))
	a.s.Ask(w, r, core.OpList, "list", func(b core.Books) core.Answer {
		if err != nil {
			return *invalid(err)
		}
		return core.JSON(http.StatusOK, map[string]any{"items": q.page(b)})
	})
}

// listing is GetAllPaymentsByCursorBody.
type listing struct {
	StoreID string     `json:"storeId"`
	From    *time.Time `json:"from"`
	Until   *time.Time `json:"until"`
	Cursor  string     `json:"cursor"`
	Size    *int       `json:"size"`

	after place
}

// place is where a payment stands in a list: in no order that means anything, and always in the same.
type place struct {
	shuffled uint64
	position core.Position
}

func placeOf(p core.Position) place { return place{plan.Hash('p', p.String()), p} }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.shuffled, other.shuffled), cmp.Compare(p.position.String(), other.position.String()))
}

func parseListing(text string) (q listing, err error) {
	if text != "" {
		err = core.ReadJSON([]byte(text), &q)
	}
	if err == nil && q.Size != nil && (*q.Size < 1 || *q.Size > maxPage) {
		err = fmt.Errorf("size must lie between 1 and %d", maxPage)
	}
	if err == nil && q.Cursor != "" {
		q.after.position, err = core.ParsePosition(q.Cursor)
		q.after = placeOf(q.after.position)
	}
	return q, err
}

func (q listing) page(b core.Books) []item {
	until := b.Now()
	if q.Until != nil {
		until = *q.Until
	}
	from, size := until.Add(-defaultWindow), defaultPage
	if q.From != nil {
		from = *q.From
	}
	if q.Size != nil {
		size = *q.Size
	}
	var places []place
	for p := range b.Between(b.Start(from), b.Start(until)) {
		if at := placeOf(p); q.Cursor == "" || at.compare(q.after) > 0 {
			places = append(places, at)
		}
	}
	slices.SortFunc(places, place.compare)
	items := []item{}
	for _, at := range places {
		if len(items) == size {
			break
		}
		p := b.At(at.position)
		if shown, ok := b.Of(p.Handle); ok && shown.Serial == p.Serial { // a payment is listed once, however often it was tried
			items = append(items, item{wire(p), at.position.String()})
		}
	}
	return items
}
