package notify

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The types of event that people are told of.
const (
	reviewNeeded = "review.needed"
	stockLow     = "stock.low"
)

// eventDetails is what the texts are made of; payloads hold more.
type eventDetails struct {
	Reason    string `json:"reason"`
	Name      string `json:"name"`
	Stock     *int64 `json:"stock"`
	Threshold *int64 `json:"low_stock_threshold"`
}

// Text is m for a person on Slack: what happened, why, and the command to type.
func Text(m Message) string {
	t := detailsOf(m)
	kind, id, _ := strings.Cut(m.Subject, ":")
	thing := line(strings.TrimSpace(kind+" "+id), factLength)
	switch m.Type {
	case stockLow:
		return lowStock(thing, t)
	case reviewNeeded:
		message := fmt.Sprintf(":mag: *%s needs a decision*", thing)
		if t.Reason != "" {
			message += ": " + line(t.Reason, lineLength)
		}
		return message + command(kind, id)
	}
	return fmt.Sprintf("*%s*: %s", line(m.Type, factLength), thing) + command(kind, id)
}

// detailsOf reads what texts are made of; another shape of payload leaves the details out.
func detailsOf(m Message) eventDetails {
	var t eventDetails
	_ = json.Unmarshal(m.Data, &t)
	return t
}

// stockLine is a product with what is left of it.
func stockLine(thing string, t eventDetails) string {
	if t.Name != "" {
		thing = fmt.Sprintf("%s (%s)", line(t.Name, factLength), thing)
	}
	if t.Stock != nil {
		thing += fmt.Sprintf(": %d left", *t.Stock)
	}
	return thing
}

func lowStock(thing string, t eventDetails) string {
	if t.Name != "" {
		thing = fmt.Sprintf("%s (%s)", line(t.Name, factLength), thing)
	}
	message := fmt.Sprintf(":package: *%s is running out*", thing)
	if t.Stock == nil {
		return message
	}
	message += fmt.Sprintf(": %d left", *t.Stock)
	if t.Threshold != nil {
		message += fmt.Sprintf(", and you asked to be told at %d", *t.Threshold)
	}
	return message
}

// command is the one that shows the subject, for those that have one: an id is a number.
func command(kind, id string) string {
	switch kind {
	case "subscription", "order", "invoice":
		if n, err := strconv.ParseUint(id, 10, 64); err == nil {
			return fmt.Sprintf("\n`duly show %s %d`", kind, n)
		}
	}
	return ""
}
