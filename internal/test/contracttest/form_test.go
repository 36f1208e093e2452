package contracttest_test

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/contracttest"
)

func TestForms(t *testing.T) {
	contract, err := contracttest.Load("stripe-api.yaml")
	require.NoError(t, err)
	const good = "amount=1&currency=krw&payment_method=pm_1&confirm=true&off_session=true&payment_method_types[]=card&metadata[duly_key]=k"
	check := func(form string) error {
		r := httptest.NewRequest("POST", "/v1/payment_intents", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("Idempotency-Key", "k")
		r.Header.Set("Stripe-Version", "2026-02-25.clover")
		err := contract.CheckRequest(r)
		left, readErr := io.ReadAll(r.Body)
		require.NoError(t, readErr)
		require.Equal(t, form, string(left), "it can be read again")
		return err
	}
	require.NoError(t, check(good))
	require.NoError(t, check(strings.Replace(good, "payment_method_types[]=card", "automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never", 1)))
	for name, bad := range map[string]string{
		"an unknown field":        good + "&reference=ord_7",
		"an unknown inner field":  good + "&customer[id]=cus_1",
		"a missing field":         strings.Replace(good, "currency=krw&", "", 1),
		"a field that is no word": strings.Replace(good, "currency=krw", "currency=KRW", 1),
		"a field that is no sum":  strings.Replace(good, "amount=1", "amount=1.5", 1),
		"another type":            strings.Replace(good, "=card", "=kakao_pay", 1),
		"no form":                 "%zz",
	} {
		require.Error(t, check(bad), name)
	}
}
