package portone

import (
	"errors"
	"net/http"
	"regexp"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
)

const mediaType = "application/json"

// api serves the operations.
type api struct{ s *core.Simulator }

// paymentIDs are those of a channel of Toss Payments.
var paymentIDs = regexp.MustCompile(`^[A-Za-z0-9_-]{6,64}$`)

// keys are idempotency keys: strings of RFC 8941, with their quotes, of 16 to 256 characters.
var keys = regexp.MustCompile(`^"((?:[ !#-\[\]-~]|\\["\\]){16,256})"$`)

// keyOf reads the idempotency key; a request without one is not remembered.
func keyOf(r *http.Request) (string, error) {
	text := r.Header.Get("Idempotency-Key")
	if text == "" {
		return "", nil
	}
	parts := keys.FindStringSubmatch(text)
	if parts == nil {
		return "", errors.New("Idempotency-Key must be a quoted string of 16 to 256 characters")
	}
	return parts[1], nil
}

// input is BillingKeyPaymentInput.
type input struct {
	BillingKey *string `json:"billingKey"`
	OrderName  *string `json:"orderName"`
	Amount     *struct {
		Total   *int64 `json:"total"`
		TaxFree int64  `json:"taxFree"`
		VAT     int64  `json:"vat"`
	} `json:"amount"`
	Currency *string `json:"currency"`
	Customer struct {
		ID   string `json:"id"`
		Name struct {
			Full string `json:"full"`
		} `json:"name"`
		Email       string `json:"email"`
		PhoneNumber string `json:"phoneNumber"`
	} `json:"customer"`
	StoreID     string         `json:"storeId"`
	ChannelKey  string         `json:"channelKey"`
	CustomData  string         `json:"customData"`
	ProductType string         `json:"productType"`
	Installment int            `json:"installmentMonth"`
	Bypass      map[string]any `json:"bypass"`
	NoticeURLs  []string       `json:"noticeUrls"`
	SkipWebhook bool           `json:"skipWebhook"`
}

func (a api) payWithBillingKey(w http.ResponseWriter, r *http.Request) {
	body, bodyErr := core.ReadBody(r, mediaType)
	key, keyErr := keyOf(r)
	id := r.PathValue("paymentId")
	var in input
	ch := core.Charge{Sum: a.s.Sum(append([]byte(r.URL.Path+"\x00"), body...)), Scope: key}
	if err := errors.Join(bodyErr, keyErr, core.ReadJSON(body, &in), in.check()); err != nil {
		ch.Refusal = invalid(err)
	} else {
		ch = in.charge(ch, id)
	}
	if paymentIDs.MatchString(id) {
		ch.Handle, ch.Key = id, or(ch.Key, id)
	} else {
		ch.Refusal = invalid(errors.New("paymentId must be 6 to 64 letters, digits, - and _"))
	}
	a.s.Charge(w, r, ch)
}

// charge reads what was checked.
func (in input) charge(ch core.Charge, id string) core.Charge {
	ch.Method, ch.Amount, ch.Currency, ch.CustomerID, ch.Reference = *in.BillingKey, *in.Amount.Total, *in.Currency, in.Customer.ID, id
	ch.Extra = extra{orderName: *in.OrderName, customData: in.CustomData, storeID: in.StoreID, channelKey: in.ChannelKey}
	if c, ours := readCustom(in.CustomData); ours {
		ch.Key, ch.Reference, ch.CustomerID = c.Key, c.Reference, or(ch.CustomerID, c.Customer)
	}
	if in.Amount.TaxFree+in.Amount.VAT > ch.Amount {
		a := refused(http.StatusConflict, "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT", "")
		ch.Refusal = &a
	}
	return ch
}

// check says what is missing or cannot be.
func (in *input) check() error {
	switch {
	case in.BillingKey == nil || in.OrderName == nil || in.Amount == nil || in.Amount.Total == nil || in.Currency == nil:
		return errors.New("billingKey, orderName, amount.total and currency are required")
	case *in.BillingKey == "" || *in.OrderName == "":
		return errors.New("billingKey and orderName must not be empty")
	case *in.Amount.Total < 1 || in.Amount.TaxFree < 0 || in.Amount.VAT < 0:
		return errors.New("amounts must not be negative, and total at least 1")
	case !plan.ValidCurrency(*in.Currency):
		return errors.New("currency must be three capital letters")
	}
	return nil
}

func invalid(err error) *core.Answer {
	a := Dialect{}.Refuse(core.Invalid, err.Error())
	return &a
}
