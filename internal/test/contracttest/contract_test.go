package contracttest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/contracttest"
)

func TestTheContractsAreStrictOpenAPI(t *testing.T) {
	for _, name := range []string{"payments-api.yaml", "portone-api.yaml", "stripe-api.yaml", "toss-api.yaml", "kakaopay-api.yaml"} {
		_, err := contracttest.Load(name)
		require.NoError(t, err, name)
	}
}

func TestWhatAContractMustNotHave(t *testing.T) {
	text, err := os.ReadFile(contracttest.File("payments-api.yaml"))
	require.NoError(t, err)
	for name, change := range map[string][2]string{
		"a comma without quotes": {`"Our credentials are wrong (stop the run, nobody is at fault but us)"`, `Our credentials are wrong (stop the run, nobody is at fault but us)`},
		"a field of no meaning":  {"      operationId: createPayment\n", "      operationId: createPayment\n      colour: red\n"},
		"an id twice":            {"operationId: listPayments", "operationId: createPayment"},
		"a schema that is not there": {
			`schema: {$ref: "#/components/schemas/PaymentRequest"}`, `schema: {$ref: "#/components/schemas/Request"}`,
		},
		"a parameter that is not declared": {"/v1/payments/by-key/{key}:", "/v1/payments/by-key/{k}:"},
		"an answer without a description":  {"          description: One page\n", ""},
		"a type that is none":              {"currency: {type: string, pattern", "currency: {type: text, pattern"},
		"no summary":                       {"      summary: Get one payment by its id\n", ""},
		"a summary twice":                  {"summary: Get one payment by its id", "summary: Cancel a pending payment"},
		"a summary that goes on":           {"summary: Get one payment by its id", "summary: Get one payment by its id."},
		"a parameter without a word":       {", description: inclusive", ""},
		"an answer that is not explained":  {"        \"429\": {$ref: \"#/components/responses/TooFast\"}\n  /v1/payments/{id}:", "  /v1/payments/{id}:"},
		"a part that nobody refers to":     {"  responses:\n    Known:", "  responses:\n    Gone: {description: gone}\n    Known:"},
		"a server without a word":          {"    description: The simulator, gatewaysim\n", ""},
		"two paths of one address":         {", not: {enum: [by-key]}", ""},
		"no credentials":                   {"security:\n  - bearer: []\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(string(text), change[0], change[1], 1)
			require.NotEqual(t, string(text), broken)
			_, err := contracttest.Parse([]byte(broken))
			require.Error(t, err)
		})
	}
}
