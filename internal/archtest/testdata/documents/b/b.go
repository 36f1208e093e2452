package b

type Level int

const Low Level = iota
