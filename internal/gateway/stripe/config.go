package stripe

import "duly/internal/gateway/provider"

// Config is one account at Stripe. Its Token is the secret key, sk_… or rk_…, to the live or to the test payments of the account.
type Config struct{ provider.Settings }
