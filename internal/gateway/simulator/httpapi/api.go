package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

const mediaType = "application/json"

// api serves the operations.
type api struct{ s *core.Simulator }

func (a api) createPayment(w http.ResponseWriter, r *http.Request) {
	body, bodyErr := core.ReadBody(r, mediaType)
	key := r.Header.Get("Idempotency-Key")
	ch, err := parseRequest(body)
	if err = errors.Join(keyError(key), bodyErr, err); err != nil {
		refused := Dialect{}.Refuse(core.Invalid, err.Error())
		ch = core.Charge{Refusal: &refused}
	}
	if keyError(key) == nil {
		ch.Key, ch.Handle = key, key
	}
	ch.Sum = a.s.Sum(body)
	a.s.Charge(w, r, ch)
}

func (a api) findPaymentByKey(w http.ResponseWriter, r *http.Request) {
	a.s.Look(w, r, core.Look{Operation: core.OpFind, Subject: r.PathValue("key")}, found)
}

func (a api) getPayment(w http.ResponseWriter, r *http.Request) {
	a.s.Look(w, r, core.Look{Operation: core.OpGet, Subject: r.PathValue("id")}, found)
}

func found(_ core.Books, p core.Payment) core.Answer { return core.JSON(http.StatusOK, wire(p)) }

func (a api) cancelPayment(w http.ResponseWriter, r *http.Request) {
	a.change(w, r, core.OpCancel, nil, func(b core.Books, p core.Payment) core.Answer {
		if p.Status != payment.Pending {
			return failed(http.StatusConflict, "already_decided", "the payment is decided already")
		}
		return core.JSON(http.StatusOK, wire(b.Cancel(p)))
	})
}

func (a api) refundPayment(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Amount int64  `json:"amount"`
		Reason string `json:"reason"`
	}
	parse := func(body []byte) error {
		if err := json.Unmarshal(body, &in); err != nil {
			return err
		}
		if in.Amount < 1 {
			return errors.New("amount must be at least 1")
		}
		return nil
	}
	a.change(w, r, core.OpRefund, parse, func(b core.Books, p core.Payment) core.Answer {
		if in.Amount > b.Refundable(p) {
			return failed(http.StatusConflict, "more_than_paid", "more than was paid and not refunded yet")
		}
		return core.JSON(http.StatusOK, wire(b.GiveBack(p, in.Amount, in.Reason)))
	})
}

// change serves an operation that changes a payment; parse reads the body, if the operation has one.
func (a api) change(w http.ResponseWriter, r *http.Request, operation string, parse func([]byte) error, do func(core.Books, core.Payment) core.Answer) {
	body, err := core.ReadBody(r, mediaType)
	if err == nil && parse != nil {
		err = parse(body)
	}
	id, key := r.PathValue("id"), r.Header.Get("Idempotency-Key")
	ch := core.Change{
		Operation: operation, Key: key, Scope: key, ID: id, Do: do,
		Sum: a.s.Sum(append([]byte(operation+id+"\x00"), body...)),
	}
	if err = errors.Join(keyError(key), err); err != nil {
		refused := Dialect{}.Refuse(core.Invalid, err.Error())
		ch.Refusal = &refused
	}
	a.s.Change(w, r, ch)
}

// page is the answer to listPayments.
type page struct {
	Data       []wirePayment `json:"data"`
	NextCursor *string       `json:"next_cursor"`
}

const (
	defaultPage = 500
	maxPage     = 1000
)

func (a api) listPayments(w http.ResponseWriter, r *http.Request) {
	q, err := parseListing(r.URL.Query())
	a.s.Ask(w, r, core.OpList, "list", func(b core.Books) core.Answer {
		if err != nil {
			return Dialect{}.Refuse(core.Invalid, err.Error())
		}
		return q.page(b)
	})
}

// listing is a question for the payments of a window of time.
type listing struct {
	from, to time.Time
	cursor   core.Position
	limit    int
}

func parseListing(v url.Values) (listing, error) {
	from, fromErr := time.Parse(time.RFC3339Nano, v.Get("created_from"))
	to, toErr := time.Parse(time.RFC3339Nano, v.Get("created_to"))
	q := listing{from: from, to: to, limit: defaultPage}
	var cursorErr, limitErr error
	if text := v.Get("cursor"); text != "" {
		q.cursor, cursorErr = core.ParsePosition(text)
	}
	if text := v.Get("limit"); text != "" {
		if q.limit, limitErr = strconv.Atoi(text); q.limit < 1 || q.limit > maxPage {
			limitErr = errors.New("limit must lie between 1 and 1000")
		}
	}
	return q, errors.Join(fromErr, toErr, cursorErr, limitErr)
}

func (q listing) page(b core.Books) core.Answer {
	p := page{Data: []wirePayment{}}
	for next := range b.Between(q.cursor.Later(b.Start(q.from)), b.Start(q.to)) {
		if len(p.Data) == q.limit {
			cursor := next.String()
			p.NextCursor = &cursor
			break
		}
		p.Data = append(p.Data, wire(b.At(next)))
	}
	return core.JSON(http.StatusOK, p)
}

func keyError(key string) error {
	if key == "" || len(key) > 64 {
		return errors.New("Idempotency-Key must have 1 to 64 characters")
	}
	return nil
}

// parseRequest reads a PaymentRequest.
func parseRequest(body []byte) (core.Charge, error) {
	var in struct {
		Reference   *string `json:"reference"`
		CustomerID  *string `json:"customer_id"`
		Method      *string `json:"payment_method"`
		MethodType  string  `json:"method_type"`
		Amount      *int64  `json:"amount"`
		Currency    *string `json:"currency"`
		Description string  `json:"description"`
		// GatewayCustomer is the second identifier of the method.
		GatewayCustomer *string           `json:"gateway_customer"`
		Metadata        map[string]string `json:"metadata"`
	}
	if err := core.ReadJSON(body, &in); err != nil {
		return core.Charge{}, err
	}
	if in.Reference == nil || in.CustomerID == nil || in.Method == nil || in.Amount == nil || in.Currency == nil {
		return core.Charge{}, errors.New("reference, customer_id, payment_method, amount and currency are required")
	}
	switch {
	case utf8.RuneCountInString(*in.Reference) > 64:
		return core.Charge{}, errors.New("reference is longer than 64 characters")
	case *in.Amount < 1:
		return core.Charge{}, errors.New("amount must be at least 1")
	case !plan.ValidCurrency(*in.Currency):
		return core.Charge{}, errors.New("currency must be three capital letters")
	case in.GatewayCustomer == nil:
		in.GatewayCustomer = new("")
	case *in.GatewayCustomer == "" || utf8.RuneCountInString(*in.GatewayCustomer) > 300:
		return core.Charge{}, errors.New("gateway_customer must have 1 to 300 characters")
	}
	return core.Charge{
		Reference: *in.Reference, CustomerID: *in.CustomerID, Method: *in.Method, Amount: *in.Amount, Currency: *in.Currency,
		GatewayCustomer: *in.GatewayCustomer,
	}, nil
}
