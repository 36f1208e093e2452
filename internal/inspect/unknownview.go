package inspect

import (
	"duly/internal/cli"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/text"
)

// unknownView is a charge that waits to be adopted, as its gateway listed it.
type unknownView struct {
	Gateway   string `json:"gateway"`
	Key       string `json:"idempotency_key"`
	PaymentID string `json:"gateway_payment_id"`
	Status    string `json:"status"`
	Amount    int64  `json:"amount"` // minor units
	Currency  string `json:"currency"`
}

func unknownViews(list []operator.UnknownCharge) []unknownView {
	views := make([]unknownView, len(list))
	for i, u := range list {
		views[i] = unknownView{Gateway: u.Gateway, Key: u.Key, PaymentID: u.PaymentID, Status: "unreadable"}
		if p, err := u.Record(); err == nil {
			views[i].Status, views[i].Amount, views[i].Currency = string(p.Status), p.Money.Amount, p.Money.Currency
		}
	}
	return views
}

// showUnknown writes the charges of a period that wait to be adopted: until then it is charged nowhere.
func showUnknown(screen *cli.Screen, list []unknownView) {
	for _, u := range list {
		screen.Line("unknown here: payment %s at gateway %s, %s, %s; the period is not charged before it is adopted", u.PaymentID, u.Gateway, u.Status,
			payment.Money{Amount: u.Amount, Currency: u.Currency})
		screen.Command("next: duly adopt %s --key %s", text.Word(u.Gateway, "NAME"), text.Word(u.Key, "KEY"))
	}
}
