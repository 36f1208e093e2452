package decide

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/billing/adoption"
	"duly/internal/cli"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/text"
)

// AdoptView is the document of `duly adopt`.
type AdoptView struct {
	Gateway string        `json:"gateway"`
	DryRun  bool          `json:"dry_run"`
	Charges []adoptedView `json:"charges"` // by subscription, due date and key
	Next    []string      `json:"next"`    // commands to type
}

// adoptedView is a charge that was unknown here.
type adoptedView struct {
	Key            string       `json:"idempotency_key"`
	PaymentID      string       `json:"gateway_payment_id"`
	Reference      string       `json:"reference"`
	SubscriptionID uint64       `json:"subscription_id,omitempty"`
	DueDate        payment.Date `json:"due_date,omitempty"`
	Status         string       `json:"status"`   // at the gateway
	Amount         int64        `json:"amount"`   // at the gateway, minor units
	Refunded       int64        `json:"refunded"` // minor units
	Currency       string       `json:"currency"`
	As             string       `json:"as,omitempty"` // paid, declined, …; empty: refused
	Done           bool         `json:"done"`
	Detail         string       `json:"detail"` // what becomes of it, or why it was refused
	InvoiceID      uint64       `json:"invoice_id,omitempty"`
	AttemptID      uint64       `json:"attempt_id,omitempty"`
	FindingID      uint64       `json:"finding_id,omitempty"` // that stays open
}

func viewOf(c charged) adoptedView {
	return adoptedView{
		Key: c.Key, PaymentID: c.PaymentID, Reference: c.Reference, SubscriptionID: c.id.Subscription, DueDate: c.id.Due,
		Status: string(c.now.Status), Amount: c.now.Money.Amount, Refunded: c.now.Refunded, Currency: c.now.Money.Currency,
	}
}

// before is v as it was adopted by an earlier command.
func (v adoptedView) before(as string) adoptedView {
	v.As, v.Done, v.Detail = as, true, "adopted already"
	return v
}

func (v adoptedView) with(a operator.Adopted) adoptedView {
	v.As, v.Detail, v.InvoiceID, v.AttemptID, v.FindingID = string(a.As), a.Detail, a.Invoice, a.Attempt, a.Finding
	return v
}

// command is what an operator types about the charge once it is adopted; empty: nothing.
func (v adoptedView) command() string {
	switch adoption.As(v.As) {
	case adoption.Review, adoption.NotShown:
		return "duly show subscription " + strconv.FormatUint(v.SubscriptionID, 10)
	case adoption.Orphan:
		if v.AttemptID != 0 {
			return fmt.Sprintf("duly resolve attempt %d --as refunded --reason \"…\"", v.AttemptID)
		}
		return fmt.Sprintf("duly resolve finding %d --as refunded --reason \"…\"", v.FindingID)
	case adoption.Paid, adoption.Declined, adoption.InDoubt, adoption.Refunded, adoption.Known:
	}
	return ""
}

// addNext fills in the commands to type.
func (v *AdoptView) addNext(f AdoptFlags) {
	open := 0
	for _, c := range v.Charges {
		switch {
		case !c.Done:
			open++
		case c.command() != "":
			v.Next = append(v.Next, c.command())
		}
	}
	switch {
	case open == 0:
		v.Next = append(v.Next, "duly run billing")
	case f.Dry:
		command := []string{"duly adopt", v.Gateway}
		for _, key := range f.Keys {
			command = append(command, "--key", text.Word(key, "KEY"))
		}
		if f.NotShown {
			command = append(command, "--not-shown")
		}
		v.Next = append(v.Next, strings.Join(append(command, `--reason "…"`), " "))
	default:
		v.Next = append(v.Next, "duly adopt "+v.Gateway)
	}
}

// showAdopted writes what became of the charges for people.
func showAdopted(screen *cli.Screen, v AdoptView) {
	if len(v.Charges) == 0 {
		screen.Line("gateway %s has no charge that is unknown here", v.Gateway)
		return
	}
	var rows []table.Row
	done, refused := 0, 0
	for _, c := range v.Charges {
		become := c.As
		switch {
		case c.As == "" && !c.Done:
			become = "refused"
			refused++
		case c.Done:
			done++
		}
		rows = append(rows, table.Row{
			cli.Stacked{c.Key, c.PaymentID},
			c.Status,
			payment.Money{Amount: c.Amount, Currency: c.Currency},
			strings.TrimPrefix(become+": "+c.Detail, ": "),
		})
	}
	becomes := "becomes"
	if !v.DryRun {
		becomes = "became"
	}
	screen.Table(table.Row{"key, payment", "status", "amount", becomes}, rows)
	all := int64(len(v.Charges))
	switch {
	case !v.DryRun && refused > 0:
		screen.Line("%d of %s adopted, %d refused", done, cli.Plural(all, "charge"), refused)
	case !v.DryRun:
		screen.Line("%s adopted", cli.Plural(all, "charge"))
	default:
		screen.Line("%s at gateway %s unknown here; nothing was changed", cli.Plural(all, "charge"), v.Gateway)
	}
	for _, c := range v.Charges {
		if c.Done && c.As == string(adoption.Orphan) && c.command() != "" {
			screen.Line("refund payment %s at the provider; then type the command below", c.PaymentID)
		}
	}
	for _, next := range v.Next {
		screen.Command("next: %s", next)
	}
}
