package a

import (
	"fmt"

	"duly/b/c"
)

var _ = fmt.Sprint(c.X)
