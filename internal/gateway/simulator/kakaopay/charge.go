package kakaopay

import (
	"errors"
	"net/http"
	"regexp"
	"unicode/utf8"

	"duly/internal/gateway/simulator/core"
)

const mediaType = "application/json"

// api serves the operations.
type api struct{ s *core.Simulator }

const (
	cidLength   = 10
	longestText = 100
)

// attempt is a key of duly, which is a reference and the number of the attempt.
var attempt = regexp.MustCompile(`^(.+)-\d+$`)

// input is the body of a charge.
type input struct {
	CID       string `json:"cid"`
	CIDSecret string `json:"cid_secret"`
	SID       string `json:"sid"`
	OrderID   string `json:"partner_order_id"`
	UserID    string `json:"partner_user_id"`
	ItemName  string `json:"item_name"`
	Quantity  *int64 `json:"quantity"`
	Total     *int64 `json:"total_amount"`
	TaxFree   *int64 `json:"tax_free_amount"`
	VAT       int64  `json:"vat_amount"`
}

func (a api) pay(w http.ResponseWriter, r *http.Request) {
	body, bodyErr := core.ReadBody(r, mediaType)
	var in input
	err := errors.Join(bodyErr, core.ReadJSON(body, &in))
	ch := core.Charge{
		Key: in.OrderID, Handle: in.OrderID, Sum: a.s.Sum(body), Reference: in.OrderID, CustomerID: in.UserID, GatewayCustomer: in.UserID,
		Method: in.SID, Currency: currency, Refusal: in.check(err),
	}
	if parts := attempt.FindStringSubmatch(in.OrderID); parts != nil {
		ch.Reference = parts[1]
	}
	if ch.Refusal == nil {
		ch.Amount = *in.Total
		ch.Extra = extra{cid: in.CID, order: in.OrderID, reference: ch.Reference, user: in.UserID, item: in.ItemName, quantity: *in.Quantity, taxFree: *in.TaxFree, vat: in.VAT}
		ch.Check = func(b core.Books) *core.Answer { return belongs(b, in) }
	}
	a.s.Charge(w, r, ch)
}

const currency = "KRW"

// check says what is missing or cannot be; err is what could not be read.
func (in *input) check(err error) *core.Answer {
	var a core.Answer
	switch {
	case err != nil:
		a = refused(http.StatusBadRequest, badOrder, err.Error())
	case len(in.CID) != cidLength:
		a = refused(http.StatusBadRequest, badCID, "cid must have 10 characters")
	case in.SID == "":
		a = refused(http.StatusBadRequest, noSID, "sid is required")
	case !text(in.OrderID) || !text(in.UserID) || !text(in.ItemName):
		a = refused(http.StatusBadRequest, badOrder, "partner_order_id, partner_user_id and item_name must have 1 to 100 characters")
	case in.Quantity == nil || in.Total == nil || in.TaxFree == nil:
		a = refused(http.StatusBadRequest, badOrder, "quantity, total_amount and tax_free_amount are required")
	case *in.Quantity < 1 || *in.Total < 1 || *in.TaxFree < 0 || in.VAT < 0 || *in.TaxFree+in.VAT > *in.Total:
		a = refused(http.StatusBadRequest, badAmount, "the amounts do not add up")
	default:
		return nil
	}
	return &a
}

// text reports whether a text has 1 to 100 characters.
func text(s string) bool { return s != "" && utf8.RuneCountInString(s) <= longestText }

// belongs refuses a SID under another user than that of its first payment.
func belongs(b core.Books, in input) *core.Answer {
	for p := range b.OfMethod(in.SID) {
		owner := userOf(p)
		if x, ok := p.Extra.(extra); ok {
			owner = x.user
		}
		if owner != in.UserID {
			a := refused(http.StatusBadRequest, otherUser, "partner_user_id is not that of the SID")
			return &a
		}
		break
	}
	return nil
}
