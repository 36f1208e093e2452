package batch

import (
	"errors"
	"fmt"
	"runtime"
)

// PanicError is the error of a panic. Of its value it tells the type alone, unless Go itself panicked: any other value
// may hold what is nobody's, a payment method or a customer. The stack, which is logged beside it, tells where it was.
func PanicError(value any) error {
	if err, ok := value.(error); ok {
		if own, ok := errors.AsType[runtime.Error](err); ok {
			return fmt.Errorf("panic: %w", own)
		}
	}
	return fmt.Errorf("panic: a value of type %T", value)
}
