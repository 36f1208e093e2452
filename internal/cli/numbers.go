package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The types of the flags below, as [pflag.Value] names them.
//
// [pflag.Value]: https://pkg.go.dev/github.com/spf13/pflag#Value
const (
	TypeID     = "ID"
	TypeAmount = "amount"
	TypeInt    = "int"
)

// IDs is a flag of ids, separated by commas.
type IDs struct{ To *[]uint64 }

// Type implements pflag.Value.
func (f IDs) Type() string { return TypeID }

// String implements pflag.Value.
func (f IDs) String() string { return "" }

// Set implements pflag.Value.
func (f IDs) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		n, err := ReadID(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		if !slices.Contains(*f.To, n) {
			*f.To = append(*f.To, n)
		}
	}
	return nil
}

// ID is a flag of one id; 0 until it is given.
type ID struct{ To *uint64 }

// Type implements pflag.Value.
func (f ID) Type() string { return TypeID }

// String implements pflag.Value.
func (f ID) String() string { return "" }

// Set implements pflag.Value.
func (f ID) Set(s string) (err error) {
	*f.To, err = ReadID(s)
	return err
}

// Amount is a flag of an amount of money in minor units; its default, 0, cannot be given: what computes 0 does not mean "all".
type Amount struct{ To *int64 }

// Type implements pflag.Value.
func (f Amount) Type() string { return TypeAmount }

// String implements pflag.Value. It is the default in the help, and empty for none.
func (f Amount) String() string {
	if *f.To == 0 {
		return ""
	}
	return strconv.FormatInt(*f.To, 10)
}

// Set implements pflag.Value.
func (f Amount) Set(s string) error {
	n, ok := decimal(s)
	if !ok || n <= 0 {
		return fmt.Errorf("%q is not an amount above 0 such as 1299", s)
	}
	*f.To = n
	return nil
}

// Int is a flag of a whole number in base 10.
type Int struct{ To *int }

// Type implements pflag.Value.
func (f Int) Type() string { return TypeInt }

// String implements pflag.Value. It is the default in the help.
func (f Int) String() string { return strconv.Itoa(*f.To) }

// Set implements pflag.Value.
func (f Int) Set(s string) error {
	n, ok := decimal(s)
	if !ok || int64(int(n)) != n {
		return errors.New("not a whole number such as 20")
	}
	*f.To = int(n)
	return nil
}

// decimal reads a number as it is written in base 10: 0100 and 0x10 are none, since one reads them so and another so.
func decimal(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}
