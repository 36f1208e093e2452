package batch_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

func TestPanicked(t *testing.T) {
	value := func(f func()) (p any) {
		defer func() { p = recover() }()
		f()
		return nil
	}
	var none map[string]int
	for want, f := range map[string]func(){
		"panic: assignment to entry in nil map":      func() { none["cus_1"] = 1 },
		"panic: a value of type string":              func() { panic("cus_1") },
		"panic: a value of type *errors.errorString": func() { panic(errors.New("cus_1")) },
		"panic: a value of type *errors.joinError":   func() { panic(errors.Join(errors.New("cus_1"))) },
	} {
		err := batch.PanicError(value(f))
		require.EqualError(t, err, want)
		require.NotContains(t, err.Error(), "cus_1")
	}
}
