package export

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"litefront/searchcore/arch"
)

// WriteSafetensors writes the weights of a as one safetensors file in f32, under
// the names and in the shapes of transformers' GPT2LMHeadModel, each layer in
// its own size. The parts of an attention's input projection are joined as
// q | k | v, matrices of layers are in-major, and a projected embedding adds
// "transformer.emb_proj.weight", [d_model][d_embed].
func WriteSafetensors(w io.Writer, a arch.Architecture, weights Weights) error {
	list, err := storedTensors(a)
	if err != nil {
		return err
	}
	// transformers asks for the format.
	header := []byte(`{"__metadata__":{"format":"pt"}`)
	end := 0
	for _, s := range list {
		begin := end
		end += 4 * s.size()
		shape, err := json.Marshal(s.shape)
		if err != nil {
			return err
		}
		header = fmt.Appendf(header, `,%q:{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`, s.name, shape, begin, end)
	}
	header = append(header, '}')
	for len(header)%8 != 0 { // so that the data is aligned
		header = append(header, ' ')
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))); err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, s := range list {
		joined, err := s.join(weights)
		if err != nil {
			return err
		}
		if err := writeFloats(w, joined); err != nil {
			return err
		}
	}
	return nil
}

// maxHeader bounds a file's header, in bytes. The deepest architecture needs less
// than one MiB.
const maxHeader = 8 << 20

// ReadSafetensors reads the weights of a from a safetensors file such as
// [WriteSafetensors] or transformers' save_pretrained writes. F16 and BF16 are
// widened to f32. GPT2Model's names, without "transformer.", will do; buffers of
// old files that hold no weights are passed over, and an output layer of its own
// must equal the embedding.
//
// Everything else that is not what a needs is an error of one line: a tensor
// that is missing, unknown, given twice, of another shape or type; offsets that
// overlap, leave holes or do not end where the file does.
func ReadSafetensors(r io.Reader, a arch.Architecture) (Weights, error) {
	w, err := readSafetensors(bufio.NewReaderSize(r, 1<<16), a)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return w, nil
}

func readSafetensors(r io.Reader, a arch.Architecture) (Weights, error) {
	list, err := storedTensors(a)
	if err != nil {
		return nil, err
	}
	needed := map[string]stored{}
	for _, s := range list {
		needed[s.name] = s
	}
	entries, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		if !strings.HasPrefix(e.name, prefix) && e.name != outputLayer {
			e.name = prefix + e.name
		}
		if found[e.name] {
			return nil, fmt.Errorf("tensor %q occurs twice", clip(e.name))
		}
		found[e.name] = true
		if err := e.match(needed); err != nil {
			return nil, err
		}
	}
	for _, s := range list {
		if !found[s.name] {
			return nil, fmt.Errorf("tensor %q is missing", s.name)
		}
	}

	w := Weights{}
	var output []float32
	for _, e := range entries {
		if e.skip {
			if _, err := io.CopyN(io.Discard, r, int64(e.end-e.begin)); err != nil {
				return nil, truncated(e.name, err)
			}
			continue
		}
		x, err := readFloats(r, e)
		if err != nil {
			return nil, err
		}
		if e.name == outputLayer {
			output = x
		} else {
			needed[e.name].split(x, w)
		}
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return nil, errors.New("bytes follow the last tensor")
	} else if err != io.EOF {
		return nil, err
	}
	sameBits := func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }
	if output != nil && !slices.EqualFunc(output, w["wte"], sameBits) {
		return nil, fmt.Errorf("tensor %q differs from %q, to which the model ties it", outputLayer, prefix+embedding)
	}
	return w, nil
}

const (
	embedding   = "wte.weight"
	outputLayer = "lm_head.weight"
)

// entry is a tensor as the header describes it.
type entry struct {
	name       string
	dtype      string
	shape      []uint64
	begin, end uint64 // of the data
	skip       bool
}

// match compares e with the tensors that are needed.
func (e *entry) match(needed map[string]stored) error {
	s, ok := needed[e.name]
	switch {
	case ok:
	case e.name == outputLayer:
		s = needed[prefix+embedding]
	case strings.HasPrefix(e.name, prefix+"h.") && (strings.HasSuffix(e.name, ".attn.bias") || strings.HasSuffix(e.name, ".attn.masked_bias")):
		e.skip = true // the causal mask
		return nil
	default:
		return fmt.Errorf("tensor %q is unknown: the architecture has none of that name", clip(e.name))
	}
	if !slices.EqualFunc(e.shape, s.shape, func(got uint64, want int) bool { return got == uint64(want) }) {
		return fmt.Errorf("tensor %q has shape %s, needed is %v", e.name, clip(fmt.Sprint(e.shape)), s.shape)
	}
	if e.dtype != "F32" && e.dtype != "F16" && e.dtype != "BF16" {
		return fmt.Errorf("tensor %q has dtype %s, must be F32, F16 or BF16", e.name, e.dtype)
	}
	return nil
}

// dtypes are the bytes of one number of each type.
var dtypes = map[string]uint64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
	"U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}

// readHeader reads the header and returns the tensors in the order of their
// data, which are checked to lie end to end.
func readHeader(r io.Reader) ([]entry, error) {
	var size [8]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, truncated("the header's size", err)
	}
	n := binary.LittleEndian.Uint64(size[:])
	if n < 2 || n > maxHeader {
		return nil, fmt.Errorf("header of %d bytes, allowed are 2 to %d", n, maxHeader)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, truncated("the header", err)
	}
	names, values, err := parseObject(header)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	var entries []entry
	for _, name := range names {
		if name == "__metadata__" {
			continue
		}
		e, err := parseEntry(name, values[name])
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", clip(name), err)
		}
		entries = append(entries, e)
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end)) // empty tensors first
	})
	end := uint64(0)
	for _, e := range entries {
		if e.begin != end {
			return nil, fmt.Errorf("tensor %q: data_offsets begin at %d, but the tensor before it ends at %d", clip(e.name), e.begin, end)
		}
		end = e.end
	}
	return entries, nil
}

func parseEntry(name string, value []byte) (entry, error) {
	keys, fields, err := parseObject(value)
	if err != nil {
		return entry{}, err
	}
	e := entry{name: name}
	var offsets []uint64
	targets := map[string]any{"dtype": &e.dtype, "shape": &e.shape, "data_offsets": &offsets}
	for _, key := range keys {
		target, ok := targets[key]
		if !ok {
			return entry{}, fmt.Errorf("unknown key %q", clip(key))
		}
		if err := json.Unmarshal(fields[key], target); err != nil {
			return entry{}, fmt.Errorf("%s %s: must be text, or a list of whole numbers", key, clip(string(fields[key])))
		}
	}
	size, ok := dtypes[e.dtype]
	if !ok {
		return entry{}, fmt.Errorf("unknown dtype %q", clip(e.dtype))
	}
	for _, d := range e.shape {
		if d != 0 && size > math.MaxInt64/d {
			return entry{}, fmt.Errorf("shape %s is too large", clip(fmt.Sprint(e.shape)))
		}
		size *= d
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] || offsets[1] > math.MaxInt64 || offsets[1]-offsets[0] != size {
		return entry{}, fmt.Errorf("data_offsets %s must be a begin and an end %d bytes apart", clip(fmt.Sprint(offsets)), size)
	}
	e.begin, e.end = offsets[0], offsets[1]
	return e, nil
}

// parseObject reads one JSON object, in which no key may occur twice.
func parseObject(data []byte) (keys []string, values map[string]json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, fmt.Errorf("%s is no JSON object", clip(string(data)))
	}
	values = map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return nil, nil, fmt.Errorf("%s is no JSON object", clip(string(data)))
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, nil, fmt.Errorf("%q has a value that is no JSON", clip(key))
		}
		if _, twice := values[key]; twice {
			return nil, nil, fmt.Errorf("%q occurs twice", clip(key))
		}
		keys, values[key] = append(keys, key), value
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, fmt.Errorf("%s is no JSON object", clip(string(data)))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, errors.New("something follows the JSON object")
	}
	return keys, values, nil
}

// readFloats reads the data of e, which has one of the types of weights.
func readFloats(r io.Reader, e entry) ([]float32, error) {
	width := int(dtypes[e.dtype])
	x := make([]float32, int(e.end-e.begin)/width)
	var buffer [16 << 10]byte
	for rest := x; len(rest) > 0; {
		n := min(len(rest), len(buffer)/width)
		b := buffer[:n*width]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, truncated(e.name, err)
		}
		for i := range rest[:n] {
			switch e.dtype {
			case "F32":
				rest[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
			case "BF16":
				rest[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b[2*i:])) << 16)
			case "F16":
				rest[i] = halfToFloat(binary.LittleEndian.Uint16(b[2*i:]))
			}
		}
		rest = rest[n:]
	}
	return x, nil
}

// halfToFloat widens an IEEE 754 half.
func halfToFloat(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent, fraction := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0: // zero and subnormals: fraction · 2⁻²⁴
		x := float32(fraction) * 0x1p-24
		return math.Float32frombits(math.Float32bits(x) | sign)
	case 0x1f: // infinity and NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// truncated is the error of a file that ends within what it names.
func truncated(what string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("the file ends within %s", clip(what))
	}
	return err
}

// clip shortens what a message repeats of a file.
func clip(s string) string {
	const limit = 80
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s), "?")
}
