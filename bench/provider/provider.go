// Package provider has the benchmarks measure another type of gateway than httpapi.
package provider

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/config"
	"duly/internal/adapters"
	"duly/internal/gateway"
	"duly/internal/session"
)

// Default is the type that the benchmarks measure if no other is named.
const Default = "httpapi"

// Cases are those that are measured at any type.
func Cases() []string { return []string{"B1", "B10"} }

// Check says what is wrong with measuring the cases at a type of gateways.
func Check(kind string, cases []string) error {
	if !slices.Contains(config.GatewayTypes(), kind) {
		return fmt.Errorf("-gateway must be one of %s", strings.Join(config.GatewayTypes(), ", "))
	}
	if kind != Default && slices.ContainsFunc(cases, func(c string) bool { return !slices.Contains(Cases(), c) }) {
		return fmt.Errorf("-gateway %s measures %s: name one of them", kind, strings.Join(Cases(), " and "))
	}
	return nil
}

// lease is longer than the time-out of every type asks for.
const lease = 2 * time.Minute

// Settings are what a gateway of the type at a URL is configured by, without the name of the gateway.
func Settings(kind, url, token string) (gateway map[string]string, run map[string]string) {
	gateway = map[string]string{"type": kind, "url": url, "token": token}
	if kind == "kakaopay" {
		gateway["cid"] = "TCSUBSCRIP"
	}
	if kind != Default {
		run = map[string]string{"lease": lease.String()}
	}
	return gateway, run
}

// Environment is the environment of a program with a gateway of the type, main, at a URL.
func Environment(kind, url, token string) []string {
	gateway, run := Settings(kind, url, token)
	var all []string
	for key, value := range gateway {
		all = append(all, "DULY_GATEWAYS_MAIN_"+strings.ToUpper(key)+"="+value)
	}
	for key, value := range run {
		all = append(all, "DULY_RUN_"+strings.ToUpper(key)+"="+value)
	}
	return all
}

// Adapter makes the client of a gateway of the type at a URL, with so many connections.
func Adapter(kind, url, token string, slots int, now func() time.Time) (gateway.Gateway, error) {
	keys, run := Settings(kind, url, token)
	flags := map[string]any{"gateways.main.parallelism": fmt.Sprint(slots)}
	for key, value := range keys {
		flags["gateways.main."+key] = value
	}
	for key, value := range run {
		flags["run."+key] = value
	}
	c, err := config.Load(config.Options{NoFile: true, Flags: flags})
	if err != nil {
		return nil, err
	}
	return adapters.New(&session.Session{Now: now}, "main", c.Gateways["main"])
}

// Identify is the statement that gives each subscription the second identifier of its method, empty if the type needs none.
func Identify(kind string) string {
	if kind == Default || kind == "portone" {
		return ""
	}
	return "UPDATE subscriptions SET gateway_customer = CONCAT('cus_', id)"
}
