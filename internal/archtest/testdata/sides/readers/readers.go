package readers

import "context"

// Orders has a Read.
type Orders struct {
	Bounds Bounds
	walk   walk
}

func (*Orders) Read(context.Context, int) ([]*Order, error) { return nil, nil }

// Bounds is an option of it.
type Bounds struct{ Pages int }

// Order is an item of it, and Money a part of the item.
type Order struct{ Money Money }

type Money struct{ Amount int64 }

type walk struct{ unread Unread }

// Unread is part of what nobody sees.
type Unread struct{}

// Read reads nothing.
func (Unread) Read() string { return "" }

// Deletion has another verb.
type Deletion struct{}

func (Deletion) Delete(context.Context, int) error { return nil }
