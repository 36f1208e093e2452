package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"

	"duly/internal/gateway/simulator/portone"
)

// tongue is a provider's language, in which a parrot repeats itself.
type tongue struct {
	dialect string
	// heard reads the payment method and its second identifier in a charge.
	heard func(r *http.Request, body []byte) (method, second string)
	// answer is the parrot's own to a charge of a method named 402, 400 or 500, to a look-up of the first one, and to one of an order; status
	// 0: it leaves the request to the simulator.
	answer func(r *http.Request, body []byte, method, echo string) (status int, answered any)
	// env is what else a gateway of the type is configured with.
	env []string
	// said are the canaries that it must have repeated.
	said []string
}

// field reads a text in a JSON object.
func field(body []byte, name string) string {
	var all map[string]any
	_ = json.Unmarshal(body, &all)
	text, _ := all[name].(string)
	return text
}

// tongues are those of all types of gateways, the default first.
func tongues() []tongue {
	customer, second := strings.ToLower(privateCustomer), strings.ToLower(privateSecond)
	type object = map[string]any
	return []tongue{
		{
			"httpapi",
			func(_ *http.Request, body []byte) (string, string) {
				return field(body, "payment_method"), field(body, "gateway_customer")
			},
			func(r *http.Request, body []byte, method, echo string) (int, any) {
				refusal := object{"code": "no_" + echo, "message": "not for " + echo}
				switch {
				case strings.Contains(method, "402"):
					var charge object
					_ = json.Unmarshal(body, &charge)
					charge["id"], charge["status"], charge["created_at"] = "pay_402", "declined", "2026-01-01T00:00:00Z"
					charge["idempotency_key"] = r.Header.Get("Idempotency-Key")
					charge["decline"] = object{"code": "no_" + echo, "message": "not for " + echo, "class": "soft", "network_code": echo, "advice_code": echo}
					return http.StatusPaymentRequired, charge
				case strings.Contains(method, "400"):
					return http.StatusBadRequest, refusal
				case strings.Contains(method, "500"), strings.Contains(r.URL.Path, "by-key/ord_"):
					return http.StatusInternalServerError, refusal
				}
				return 0, nil
			},
			nil,
			[]string{customer, privateMethod, second, privateToken},
		},
		portoneTongue(customer),
		tossTongue(customer, second),
		stripeTongue(customer, second),
		kakaopayTongue(customer, second),
	}
}

func portoneTongue(customer string) tongue {
	type object = map[string]any
	type refused struct{ said, custom, method string }
	declined := map[string]refused{} // the charges that the parrot declined, by the id of the payment
	return tongue{
		"portone",
		func(_ *http.Request, body []byte) (string, string) { return field(body, "billingKey"), "" },
		func(r *http.Request, body []byte, method, echo string) (int, any) {
			id := strings.Split(strings.Trim(r.URL.Path, "/")+"/", "/")[1]
			refusal := func(kind string) object { return object{"type": kind, "message": "not for " + echo} }
			switch seen := declined[id]; {
			case strings.Contains(method, "402"):
				declined[id] = refused{"no_" + echo, field(body, "customData"), method}
				answer := refusal("PG_PROVIDER")
				answer["pgCode"], answer["pgMessage"] = "no_"+echo, "not for "+echo
				return http.StatusBadGateway, answer
			case strings.Contains(method, "400"):
				return http.StatusBadRequest, refusal("INVALID_REQUEST")
			case strings.Contains(method, "500"):
				return http.StatusInternalServerError, refusal("CANARY_ERROR")
			case seen.said != "" && r.Method == http.MethodGet:
				return http.StatusOK, object{
					"id": id, "status": "FAILED", "amount": object{"total": 100}, "currency": "KRW", "customData": seen.custom, "billingKey": seen.method, "requestedAt": "2026-01-01T00:00:00Z",
					"failure": object{"reason": seen.said, "pgCode": seen.said, "pgMessage": seen.said}, "channel": object{"pgProvider": seen.said},
				}
			case strings.HasPrefix(r.URL.Path, "/payments/"+portone.New().Handle("ord_1-1")), strings.HasPrefix(r.URL.Path, "/payments/"+portone.New().Handle("ord_2-1")):
				return http.StatusInternalServerError, refusal("CANARY_ERROR")
			}
			return 0, nil
		},
		nil,
		[]string{customer, privateMethod, privateToken},
	}
}

func tossTongue(customer, second string) tongue {
	type object = map[string]any
	declined := map[string]string{} // what was said of the charges that the parrot declined, by their orderId
	return tongue{
		"toss",
		func(r *http.Request, body []byte) (string, string) {
			if method, found := strings.CutPrefix(r.URL.Path, "/v1/billing/"); found {
				return method, field(body, "customerKey")
			}
			return "", ""
		},
		func(r *http.Request, body []byte, method, echo string) (int, any) {
			refusal := func(code string) object { return object{"code": code, "message": "not for " + echo} }
			order := path.Base(r.URL.Path)
			switch said := declined[order]; {
			case strings.Contains(method, "402"):
				declined[field(body, "orderId")] = echo
				return http.StatusBadRequest, refusal("CANARY_CODE")
			case strings.Contains(method, "400"):
				return http.StatusBadRequest, refusal("INVALID_REQUEST")
			case strings.Contains(method, "500"):
				return http.StatusInternalServerError, refusal("UNKNOWN_ERROR")
			case said != "":
				return http.StatusOK, object{
					"paymentKey": "tpay_402", "orderId": order, "orderName": said, "status": "ABORTED", "currency": "KRW", "totalAmount": 100, "balanceAmount": 100,
					"requestedAt": "2026-01-01T09:00:00+09:00", "failure": object{"code": "no_" + said, "message": said},
				}
			case strings.HasPrefix(order, "ord_"):
				return http.StatusInternalServerError, refusal("UNKNOWN_ERROR")
			}
			return 0, nil
		},
		nil,
		[]string{customer, privateMethod, second, strings.ToLower(privateBasic())},
	}
}

func stripeTongue(customer, second string) tongue {
	type object = map[string]any
	values := func(body []byte) url.Values {
		all, _ := url.ParseQuery(string(body))
		return all
	}
	return tongue{
		"stripe",
		func(_ *http.Request, body []byte) (string, string) {
			return values(body).Get("payment_method"), values(body).Get("customer")
		},
		func(r *http.Request, body []byte, method, echo string) (int, any) {
			failure := func(kind, code string) object {
				return object{"type": kind, "code": code, "message": "not for " + echo}
			}
			switch {
			case strings.Contains(method, "402"):
				asked := values(body)
				why := failure("card_error", "card_declined")
				why["decline_code"], why["advice_code"], why["network_decline_code"], why["network_advice_code"] = "no_"+echo, echo, echo, echo
				why["payment_intent"] = object{
					"id": "pi_402", "object": "payment_intent", "status": "requires_payment_method", "amount": 100, "amount_received": 0, "currency": "krw", "created": 1767225600,
					"customer": asked.Get("customer"), "description": echo, "metadata": object{
						"duly_key": asked.Get("metadata[duly_key]"), "duly_reference": asked.Get("metadata[duly_reference]"), "duly_customer": asked.Get("metadata[duly_customer]"),
					},
				}
				return http.StatusPaymentRequired, object{"error": why}
			case strings.Contains(method, "400"):
				return http.StatusBadRequest, object{"error": failure("invalid_request_error", "parameter_unknown")}
			case strings.Contains(method, "500"), r.Method == http.MethodGet && strings.HasPrefix(path.Base(r.URL.Path), "pi_"):
				return http.StatusInternalServerError, object{"error": failure("api_error", "no_"+echo)}
			}
			return 0, nil
		},
		nil,
		[]string{customer, privateMethod, second, privateToken},
	}
}

func kakaopayTongue(customer, second string) tongue {
	type object = map[string]any
	return tongue{
		"kakaopay",
		func(_ *http.Request, body []byte) (string, string) {
			return field(body, "sid"), field(body, "partner_user_id")
		},
		func(_ *http.Request, body []byte, method, echo string) (int, any) {
			refusal := func(code int) object {
				echo := echo + " " + field(body, "cid_secret")
				return object{
					"error_code": code, "error_message": "not for " + echo, "extras": object{"method_result_code": "no_" + echo, "method_result_message": echo},
				}
			}
			switch {
			case strings.Contains(method, "402"):
				return http.StatusBadRequest, refusal(-782)
			case strings.Contains(method, "400"):
				return http.StatusBadRequest, refusal(-724)
			case strings.Contains(method, "500"):
				return http.StatusInternalServerError, refusal(-999)
			}
			return 0, nil
		},
		[]string{"DULY_GATEWAYS_MAIN_CID=TCSUBSCRIP", "DULY_GATEWAYS_MAIN_CID_SECRET=" + privateCID},
		[]string{customer, privateMethod, second, privateToken, privateCID},
	}
}
