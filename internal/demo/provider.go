package demo

import (
	"slices"

	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// Gateways lists the providers whose API a demo's gateway can speak, by the type of the gateway. The first is the default. KakaoPay is not among
// them: it keeps no keys, so that people have to find out what a killed worker sent there.
func Gateways() []string {
	return slices.DeleteFunc(simulator.Dialects(), func(name string) bool { return name == "kakaopay" })
}

// title is a provider's name for people.
func title(gateway string) string {
	switch gateway {
	case "portone":
		return "a simulated PortOne"
	case "toss":
		return "a simulated Toss Payments"
	case "stripe":
		return "a simulated Stripe"
	}
	return "a gateway"
}

// day is how a provider behaves on an ordinary day.
func day(gateway string) simulator.Config {
	c := simulator.Demo()
	if gateway != simulator.Default {
		c.Shares.Pending = 0 // charges of stored cards are decided at once there
	}
	return c
}

// plans are what the shop sells at a provider: minor units and currency.
func plans(gateway string) []payment.Money {
	all := []payment.Money{
		{Amount: 9900, Currency: "KRW"},
		{Amount: 12900, Currency: "KRW"},
		{Amount: 29000, Currency: "KRW"},
		{Amount: 1299, Currency: "USD"},
	}
	if gateway == "toss" { // which charges billing keys in won alone
		return all[:3]
	}
	return all
}

// second is the second identifier of a customer's payment method, where the provider has two; else nil.
func second(gateway, customer string) any {
	switch gateway {
	case "toss":
		return "key-of-" + customer
	case "stripe":
		return "cus_" + customer
	}
	return nil
}

// knowsByID reports whether a payment of an order is known to a provider by the provider's own id alone: Stripe finds a key only among the payments
// of a customer that it knows.
func knowsByID(gateway string) bool { return gateway == "stripe" }

// nights are the days after the due date on which there is something to do. Stripe hands on what card networks advise, which puts retries off by three
// days each.
func nights(gateway string) []int {
	days := []int{0, 1, 3, 5}
	if gateway == "stripe" {
		return append(days, 6, 9)
	}
	return days
}
