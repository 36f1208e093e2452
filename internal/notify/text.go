package notify

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The types of event that people are told of.
const (
	reviewNeeded = "review.needed"
	stockLow     = "stock.low"
)

// told is what the texts are made of; payloads hold more.
type told struct {
	Reason    string `json:"reason"`
	Name      string `json:"name"`
	Stock     *int64 `json:"stock"`
	Threshold *int64 `json:"low_stock_threshold"`
}

// Text is m for a person on Slack: what happened, why, and the command to type.
func Text(m Message) string {
	var t told
	_ = json.Unmarshal(m.Data, &t) // another shape of payload leaves the details out
	kind, id, _ := strings.Cut(m.Subject, ":")
	thing := strings.TrimSpace(kind + " " + id)
	switch m.Type {
	case stockLow:
		return lowStock(thing, t)
	case reviewNeeded:
		text := fmt.Sprintf(":mag: *%s needs a decision*", escape(thing))
		if t.Reason != "" {
			text += ": " + escape(t.Reason)
		}
		return text + command(kind, id)
	}
	return fmt.Sprintf("*%s*: %s", escape(m.Type), escape(thing)) + command(kind, id)
}

func lowStock(thing string, t told) string {
	name := thing
	if t.Name != "" {
		name = fmt.Sprintf("%s (%s)", t.Name, thing)
	}
	text := fmt.Sprintf(":package: *%s is running out*", escape(name))
	if t.Stock == nil {
		return text
	}
	text += fmt.Sprintf(": %d left", *t.Stock)
	if t.Threshold != nil {
		text += fmt.Sprintf(", and you asked to be told at %d", *t.Threshold)
	}
	return text
}

// command is the one that shows the subject, for those that have one.
func command(kind, id string) string {
	switch kind {
	case "subscription", "order", "invoice":
		return fmt.Sprintf("\n`duly show %s %s`", kind, escape(id))
	}
	return ""
}

// escape keeps text from being taken for Slack's markup: mentions, links.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
