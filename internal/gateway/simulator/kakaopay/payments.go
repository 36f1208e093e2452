package kakaopay

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"duly/internal/gateway/simulator/core"
	"duly/internal/payment"
)

// named is a body that names a payment or a SID.
type named struct {
	CID       string `json:"cid"`
	CIDSecret string `json:"cid_secret"`
	TID       string `json:"tid"`
	SID       string `json:"sid"`
}

// checkCID refuses what could not be read, and a CID that is none.
func checkCID(cid string, err error) *core.Answer {
	var a core.Answer
	switch {
	case err != nil:
		a = refused(http.StatusBadRequest, badOrder, err.Error())
	case len(cid) != cidLength:
		a = refused(http.StatusBadRequest, badCID, "cid must have 10 characters")
	default:
		return nil
	}
	return &a
}

func (a api) order(w http.ResponseWriter, r *http.Request) {
	body, err := core.ReadBody(r, mediaType)
	var in named
	err = errors.Join(err, core.ReadJSON(body, &in))
	look := core.Look{Operation: core.OpGet, Subject: in.TID, Refusal: checkCID(in.CID, err)}
	a.s.Look(w, r, look, func(_ core.Books, p core.Payment) core.Answer {
		if extraOf(p).cid != in.CID {
			return Dialect{}.Refuse(core.NotFound, "")
		}
		return core.JSON(http.StatusOK, wire(p))
	})
}

func (a api) cancel(w http.ResponseWriter, r *http.Request) {
	body, err := core.ReadBody(r, mediaType)
	var in struct {
		CID       string `json:"cid"`
		CIDSecret string `json:"cid_secret"`
		TID       string `json:"tid"`
		Amount    *int64 `json:"cancel_amount"`
		TaxFree   *int64 `json:"cancel_tax_free_amount"`
		VAT       int64  `json:"cancel_vat_amount"`
	}
	err = errors.Join(err, core.ReadJSON(body, &in))
	ch := core.Change{Operation: core.OpRefund, Key: in.TID, ID: in.TID, Sum: a.s.Sum(body), Refusal: checkCID(in.CID, err)}
	switch {
	case ch.Refusal != nil:
	case in.Amount == nil || in.TaxFree == nil:
		ch.Refusal = checkCID(in.CID, errors.New("cancel_amount and cancel_tax_free_amount are required"))
	case *in.Amount < 1 || *in.TaxFree < 0 || in.VAT < 0 || *in.TaxFree+in.VAT > *in.Amount:
		amounts := refused(http.StatusBadRequest, badAmount, "the amounts do not add up")
		ch.Refusal = &amounts
	default:
		ch.Key = fmt.Sprintf("%s %d", in.TID, *in.Amount)
	}
	ch.Do = func(b core.Books, p core.Payment) core.Answer {
		if extraOf(p).cid != in.CID {
			return Dialect{}.Refuse(core.NotFound, "")
		}
		return refund(b, p, *in.Amount)
	}
	a.s.Change(w, r, ch)
}

// refund cancels an amount of p, as often as it is asked for.
func refund(b core.Books, p core.Payment, amount int64) core.Answer {
	left := b.Refundable(p)
	switch {
	case p.Status != payment.Succeeded:
		return refused(http.StatusBadRequest, notCancellable, "this payment cannot be cancelled")
	case left == 0:
		return refused(http.StatusBadRequest, nothingToCancel, "nothing is left to be cancelled")
	case amount > left:
		return refused(http.StatusBadRequest, tooMuchToCancel, "more than can be cancelled")
	}
	p = b.Refund(p, amount, "")
	n := len(p.Parts)
	if p.Parts[n-1].State != core.PartDone {
		return failed(statusOf(p.Key), cancelFailed, "the cancellation failed")
	}
	shown := wire(p)
	shown.AID, shown.Approved, shown.Actions = aid(p, n), &wireAmount{Total: amount}, nil
	return core.JSON(http.StatusOK, shown)
}

// wireSubscription is the state of a SID. Available says whether it can be charged.
type wireSubscription struct {
	Available     bool   `json:"available"`
	CID           string `json:"cid"`
	SID           string `json:"sid"`
	Status        string `json:"status"`
	MethodType    string `json:"payment_method_type"`
	CreatedAt     string `json:"created_at"`
	LastApproved  string `json:"last_approved_at,omitempty"`
	InactivatedAt string `json:"inactivated_at,omitempty"`
}

func (a api) subscriptionStatus(w http.ResponseWriter, r *http.Request) {
	a.subscription(w, r, func(core.Books, string) {})
}

func (a api) deactivate(w http.ResponseWriter, r *http.Request) {
	a.subscription(w, r, core.Books.DeleteMethod)
}

// subscription serves a question for a SID; change is called first if there is such a SID.
func (a api) subscription(w http.ResponseWriter, r *http.Request, change func(core.Books, string)) {
	body, err := core.ReadBody(r, mediaType)
	var in named
	err = errors.Join(err, core.ReadJSON(body, &in))
	a.s.Ask(w, r, core.OpMethod, in.SID, func(b core.Books) core.Answer {
		if refusal := checkCID(in.CID, err); refusal != nil {
			return *refusal
		}
		if _, ok := b.Deleted(in.SID); !ok || in.SID == "" {
			return Dialect{}.Refuse(core.UnknownMethod, "")
		}
		change(b, in.SID)
		deleted, _ := b.Deleted(in.SID)
		state := wireSubscription{
			Available: !deleted, CID: in.CID, SID: in.SID, Status: "ACTIVE", MethodType: methodType(in.SID), CreatedAt: local(b.Now().AddDate(-1, 0, 0)),
			LastApproved: local(lastApproval(b, in.SID)),
		}
		if deleted {
			state.Status, state.InactivatedAt = "INACTIVE", local(b.Now())
		}
		return core.JSON(http.StatusOK, state)
	})
}

// lastApproval is when a charge of a SID was approved last; zero: none was.
func lastApproval(b core.Books, sid string) time.Time {
	for p := range b.OfMethod(sid) {
		if p.Status == payment.Succeeded || p.Status == payment.Canceled {
			return p.CreatedAt
		}
	}
	return time.Time{}
}
