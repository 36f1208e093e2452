package toss

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"duly/internal/gateway/simulator/core"
	"duly/internal/payment"
)

func (a api) getPayment(w http.ResponseWriter, r *http.Request) {
	a.s.Look(w, r, core.Look{Operation: core.OpGet, Subject: r.PathValue("paymentKey")}, show)
}

func (a api) getPaymentByOrderID(w http.ResponseWriter, r *http.Request) {
	a.s.Look(w, r, core.Look{Operation: core.OpFind, Subject: r.PathValue("orderId")}, show)
}

func show(_ core.Books, p core.Payment) core.Answer { return core.JSON(http.StatusOK, wire(p)) }

// deleteBillingKey answers with an empty body.
func (a api) deleteBillingKey(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("billingKey")
	a.s.Ask(w, r, core.OpMethod, key, func(b core.Books) core.Answer {
		deleted, ok := b.Deleted(key)
		switch {
		case !ok:
			return Dialect{}.Refuse(core.UnknownMethod, "")
		case deleted:
			return Dialect{}.Refuse(core.DeletedMethod, "")
		}
		b.DeleteMethod(key)
		return core.Answer{Code: http.StatusOK}
	})
}

const longestReason = 200

func (a api) cancelPayment(w http.ResponseWriter, r *http.Request) {
	body, err := core.ReadBody(r, mediaType)
	var in struct {
		Reason     string `json:"cancelReason"`
		Amount     *int64 `json:"cancelAmount"`
		Refundable *int64 `json:"refundableAmount"`
	}
	err = errors.Join(err, core.ReadJSON(body, &in))
	switch {
	case err != nil:
	case in.Reason == "" || utf8.RuneCountInString(in.Reason) > longestReason:
		err = fmt.Errorf("cancelReason must have 1 to %d characters", longestReason)
	case in.Amount != nil && *in.Amount < 1:
		err = errors.New("cancelAmount must be at least 1")
	}
	ch := core.Change{
		Operation: core.OpRefund, Key: r.Header.Get("Idempotency-Key"), Scope: scope(r), ID: r.PathValue("paymentKey"), Sum: a.sum(r, body),
	}
	if err != nil {
		ch.Refusal = invalid(err)
	}
	ch.Refusal = first(keyRefusal(r), ch.Refusal, testCode(r))
	ch.Do = func(b core.Books, p core.Payment) core.Answer {
		left := b.Refundable(p)
		switch {
		case p.Status == payment.Declined || p.Status == payment.Pending:
			return failed(http.StatusForbidden, "NOT_CANCELABLE_PAYMENT", "취소 할 수 없는 결제 입니다.")
		case wire(p).Status == "CANCELED":
			return failed(http.StatusBadRequest, "ALREADY_CANCELED_PAYMENT", "이미 취소된 결제 입니다.")
		case left == 0:
			return notCancelable()
		case in.Refundable != nil && *in.Refundable != left:
			return failed(http.StatusBadRequest, "NOT_MATCHES_REFUNDABLE_AMOUNT", "잔액 결과가 일치하지 않습니다.")
		case in.Amount == nil:
			in.Amount = &left
		case *in.Amount > left:
			return notCancelable()
		}
		return core.JSON(http.StatusOK, wire(b.Refund(p, *in.Amount, in.Reason)))
	}
	a.s.Change(w, r, ch)
}

func notCancelable() core.Answer {
	return failed(http.StatusForbidden, "NOT_CANCELABLE_AMOUNT", "취소 할 수 없는 금액 입니다.")
}

const (
	defaultPage = 100
	maxPage     = 5000
	localTime   = "2006-01-02T15:04:05"
)

// listing is a question for the transactions of a window.
type listing struct {
	from, to time.Time // the end is a whole second that is part of the window
	after    string
	limit    int
}

func (a api) listTransactions(w http.ResponseWriter, r *http.Request) {
	q, refusal := parseListing(r.URL.Query())
	a.s.Ask(w, r, core.OpList, "list", func(b core.Books) core.Answer {
		if refusal != nil {
			return *refusal
		}
		return q.page(b)
	})
}

func parseListing(v url.Values) (listing, *core.Answer) {
	from, fromErr := time.ParseInLocation(localTime, v.Get("startDate"), seoul())
	to, toErr := time.ParseInLocation(localTime, v.Get("endDate"), seoul())
	if fromErr != nil || toErr != nil {
		a := refused(http.StatusBadRequest, "INVALID_DATE", "날짜 데이터가 잘못 되었습니다.")
		return listing{}, &a
	}
	q := listing{from: from, to: to, after: v.Get("startingAfter"), limit: defaultPage}
	if text := v.Get("limit"); text != "" {
		var err error
		if q.limit, err = strconv.Atoi(text); err != nil || q.limit < 1 || q.limit > maxPage {
			return q, invalid(fmt.Errorf("limit must lie between 1 and %d", maxPage))
		}
	}
	return q, nil
}

func (q listing) page(b core.Books) core.Answer {
	rows := []transaction{}
	add := func(p core.Payment, refundsOnly bool) {
		for i, row := range transactions(p) {
			approval := i == 0
			if approval != refundsOnly && !row.at.Before(q.from) && row.at.Before(q.to.Add(time.Second)) {
				rows = append(rows, row)
			}
		}
	}
	for at := range b.Between(b.Start(q.from), b.Start(q.to.Add(time.Second))) {
		p := b.At(at)
		add(p, false)
		if p.Status == payment.Canceled { // its cancellation is no refund of the books
			add(p, true)
		}
	}
	for at := range b.Refunded() {
		add(b.At(at), true)
	}
	slices.SortFunc(rows, transaction.compare)
	if q.after != "" {
		i := slices.IndexFunc(rows, func(t transaction) bool { return t.TransactionKey == q.after })
		if i < 0 {
			return *invalid(errors.New("startingAfter is no transaction of the window"))
		}
		rows = rows[i+1:]
	}
	return core.JSON(http.StatusOK, rows[:min(len(rows), q.limit)])
}
