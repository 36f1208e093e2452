package orders

import "strconv"

// Reference is what the charges of an order are made under.
func Reference(id uint64) string { return "ord_" + strconv.FormatUint(id, 10) }
