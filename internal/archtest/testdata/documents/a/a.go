package a

import named "duly/b"

type Kind uint8

const (
	Zero Kind = iota
	One
)

type Word uint8

const Yes Word = 1

func (w *Word) MarshalText() ([]byte, error) { return []byte("yes"), nil }

type Count int

type Text string

const Hello Text = "hello"

type Money struct{ Amount int64 }

type Own struct{ Amount int64 }

func (Own) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

type Untagged struct{ Kind Kind }

type Document struct {
	Untagged

	Bare   int
	Kind   Kind            `json:"kind"`
	Kinds  map[Kind]int    `json:"kinds"`
	Far    *named.Level    `json:"far"`
	Money  Money           `json:"money"`
	Moneys map[int][]Money `json:"moneys"`
	Group  struct {
		Inner int
		Named int `json:"named"`
	} `json:"group"`

	Word   Word  `json:"word"`
	Own    Own   `json:"own"`
	Count  Count `json:"count"`
	Text   Text  `json:"text"`
	Hidden Kind  `json:"-"`
	kind   Kind
}
