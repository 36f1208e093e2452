package a

import "duly/b"

const open = "SELECT"

func Open() string { return open }

type Options struct {
	Limit int
	state int
}

func (o Options) limit() int { return o.Limit }

// State gives what is in a field.
func (o *Options) State() int { return o.state }

func (o *Options) Run() { o.run() }

func (o *Options) run() {}

type Other struct{ limit, run int }

type One struct{ Other }

type Two struct {
	One
	*b.Far
}

type Three struct{ *b.Near }
