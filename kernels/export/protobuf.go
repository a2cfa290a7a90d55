package export

import (
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protocol buffer message in the making. Weights in it are asked for and
// encoded only when it is written out, so that they never exist twice.
type message struct {
	parts []part
	size  int64
}

// part is encoded bytes, or n floats to encode.
type part struct {
	bytes  []byte
	floats func() ([]float32, error)
	n      int64
}

func (m *message) add(p part) {
	m.parts = append(m.parts, p)
	m.size += int64(len(p.bytes)) + 4*p.n
}

func (m *message) integer(field protowire.Number, v int64) {
	m.add(part{bytes: protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), uint64(v))})
}

func (m *message) float(field protowire.Number, v float32) {
	m.add(part{bytes: protowire.AppendFixed32(protowire.AppendTag(nil, field, protowire.Fixed32Type), math.Float32bits(v))})
}

func (m *message) text(field protowire.Number, s string) {
	m.add(part{bytes: protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), s)})
}

// floats adds the bytes of n little-endian floats.
func (m *message) floats(field protowire.Number, n int64, x func() ([]float32, error)) {
	m.open(field, 4*n)
	m.add(part{floats: x, n: n})
}

// doubles adds packed doubles.
func (m *message) doubles(field protowire.Number, x []float64) {
	var packed []byte
	for _, v := range x {
		packed = protowire.AppendFixed64(packed, math.Float64bits(v))
	}
	m.add(part{bytes: protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), packed)})
}

func (m *message) nested(field protowire.Number, sub *message) {
	m.open(field, sub.size)
	for _, p := range sub.parts {
		m.add(p)
	}
}

// open begins a field of so many bytes, which follow.
func (m *message) open(field protowire.Number, size int64) {
	m.add(part{bytes: protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.BytesType), uint64(size))})
}

func (m *message) writeTo(w io.Writer) error {
	for _, p := range m.parts {
		if _, err := w.Write(p.bytes); err != nil {
			return err
		}
		if p.floats == nil {
			continue
		}
		x, err := p.floats()
		if err != nil {
			return err
		}
		if err := writeFloats(w, x); err != nil {
			return err
		}
	}
	return nil
}
