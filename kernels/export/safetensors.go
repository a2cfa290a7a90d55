package export

import (
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
// the names and in the shapes of transformers' GPT2LMHeadModel or
// TransfoXLLMHeadModel, each layer in its own size. The parts of an attention's
// input projection are joined as q | k | v. An output layer is the embedding and
// not stored again.
//
// GPT-2's matrices of layers are in-major; a projected embedding adds
// "transformer.emb_proj.weight", [d_model][d_embed], and one of several clusters
// has Transformer-XL's names in place of "transformer.wte.weight":
//
//	transformer.word_emb.emb_layers.T.weight  [tokens][width], for each table T
//	transformer.word_emb.emb_projs.T          [d_model][width], if projected
//	crit.cluster_weight, crit.cluster_bias    [clusters-1][d_embed] and [clusters-1]
//	crit.out_layers.T.bias                    [tokens]
//
// With a div_val of 1 all clusters share one table, otherwise each has its own.
func WriteSafetensors(w io.Writer, a arch.Architecture, weights Source) error {
	list, err := storedTensors(a)
	if err != nil {
		return err
	}
	header, _, err := list.header()
	if err != nil {
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

// safetensorsSize is how many bytes [WriteSafetensors] writes.
func safetensorsSize(a arch.Architecture) (int64, error) {
	list, err := storedTensors(a)
	if err != nil {
		return 0, err
	}
	header, data, err := list.header()
	return int64(len(header)) + data, err
}

// header returns what a file of these tensors begins with, and how many bytes of data
// follow.
func (l tensorList) header() (header []byte, data int64, err error) {
	// transformers asks for the format.
	header = []byte(`{"__metadata__":{"format":"pt"}`)
	for _, s := range l {
		begin := data
		data += 4 * int64(s.size())
		shape, err := json.Marshal(s.shape)
		if err != nil {
			return nil, 0, err
		}
		header = fmt.Appendf(header, `,%q:{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`, s.name, shape, begin, data)
	}
	header = append(header, '}')
	for len(header)%8 != 0 { // so that the data is aligned
		header = append(header, ' ')
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data, nil
}

// maxHeader bounds a file's header, in bytes. The deepest architecture needs less
// than one MiB.
const maxHeader = 8 << 20

// File is a file of known size.
type File interface {
	io.ReaderAt
	Size() int64
}

// OpenSafetensors returns the weights of a in a safetensors file such as
// [WriteSafetensors] or transformers' save_pretrained writes, which are read from it
// when they are asked for. F16 and BF16 are widened to f32. The names of a model
// without an output layer, which lack "transformer.", will do; buffers that hold no
// weights are passed over, and output layers and projections of their own must equal
// the embedding's.
//
// Everything else that is not what a needs is an error of one line: a tensor
// that is missing, unknown, given twice, of another shape or type; offsets that
// overlap, leave holes or do not end where the file does.
func OpenSafetensors(f File, a arch.Architecture) (Source, error) {
	s, err := openSafetensors(f, a)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return s, nil
}

// ReadSafetensors is [OpenSafetensors] with all weights read.
func ReadSafetensors(f File, a arch.Architecture) (Weights, error) {
	s, err := openSafetensors(f, a)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	w := Weights{}
	for _, t := range s.list {
		for _, name := range t.parts {
			if w[name], err = whole(s, name); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// safetensors is an open file. Of its tensors it holds the latest that is in-major, one
// matrix of a layer.
type safetensors struct {
	file  File
	data  int64 // where it begins
	list  tensorList
	parts map[string]storedPart

	transposed string // name of the entry that matrix has
	matrix     []float32
}

// storedPart is where a tensor of [Weights] is in a file: the part of that index.
type storedPart struct {
	stored
	entry
	index int
}

func (p storedPart) size() int { return p.stored.size() / len(p.stored.parts) }

// Len implements [Source].
func (s *safetensors) Len(name string) int {
	p, ok := s.parts[name]
	if !ok {
		return 0
	}
	return p.size()
}

// Read implements [Source].
func (s *safetensors) Read(x []float32, name string, first int) error {
	p := s.parts[name]
	first += p.index * p.size()
	if !p.conv1D {
		return s.floats(x, p.entry, first)
	}
	if s.transposed != p.entry.name {
		matrix := make([]float32, p.stored.size())
		if err := s.floats(matrix, p.entry, 0); err != nil {
			return err
		}
		s.transposed, s.matrix = p.entry.name, transpose(matrix, p.stored.shape[0], p.stored.shape[1])
	}
	copy(x, s.matrix[first:])
	return nil
}

func openSafetensors(f File, a arch.Architecture) (*safetensors, error) {
	list, err := storedTensors(a)
	if err != nil {
		return nil, err
	}
	needed := map[string]stored{}
	for _, s := range list {
		for _, name := range append([]string{s.name}, s.copies...) {
			needed[name] = s
		}
	}
	header := io.NewSectionReader(f, 0, f.Size())
	entries, err := readHeader(header)
	if err != nil {
		return nil, err
	}
	found := map[string]entry{}
	for _, e := range entries {
		if _, ok := needed[e.name]; !ok && !strings.HasPrefix(e.name, prefix) && !strings.HasPrefix(e.name, softmax) {
			e.name = prefix + e.name
		}
		if _, twice := found[e.name]; twice {
			return nil, fmt.Errorf("tensor %q occurs twice", clip(e.name))
		}
		if err := e.match(needed); err != nil {
			return nil, err
		}
		found[e.name] = e
	}
	s := &safetensors{file: f, list: list, parts: map[string]storedPart{}}
	for _, t := range list {
		e, ok := found[t.name]
		if !ok {
			return nil, fmt.Errorf("tensor %q is missing", t.name)
		}
		for i, part := range t.parts {
			s.parts[part] = storedPart{t, e, i}
		}
	}
	if s.data, err = header.Seek(0, io.SeekCurrent); err != nil {
		return nil, err
	}
	if err := s.checkSize(entries); err != nil {
		return nil, err
	}
	return s, s.checkCopies(found)
}

// checkSize compares the file's size with where its tensors end, which lie end to end.
func (s *safetensors) checkSize(entries []entry) error {
	size, end := uint64(s.file.Size()-s.data), uint64(0)
	for _, e := range entries {
		if end = e.end; end > size {
			return truncated(e.name, io.EOF)
		}
	}
	if end < size {
		return errors.New("bytes follow the last tensor")
	}
	return nil
}

// checkCopies compares what the file holds again with what it is a copy of: a
// tensor of one part.
func (s *safetensors) checkCopies(found map[string]entry) error {
	sameBits := func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }
	for _, t := range s.list {
		for _, name := range t.copies {
			e, ok := found[name]
			if !ok {
				continue
			}
			for first := 0; first < t.size(); first += blockBytes / 4 {
				n := min(blockBytes/4, t.size()-first)
				x, y := make([]float32, n), make([]float32, n)
				if err := errors.Join(s.floats(x, e, first), s.floats(y, found[t.name], first)); err != nil {
					return err
				}
				if !slices.EqualFunc(x, y, sameBits) {
					return fmt.Errorf("tensor %q differs from %q, to which the model ties it", name, t.name)
				}
			}
		}
	}
	return nil
}

// isBuffer reports whether transformers keeps no weights under a name: GPT-2's causal
// masks, and the frequencies of Transformer-XL's sinusoids.
func isBuffer(name string) bool {
	if name == "transformer.pos_emb.inv_freq" {
		return true
	}
	rest, ok := strings.CutPrefix(name, "transformer.h.")
	layer, what, _ := strings.Cut(rest, ".")
	isNumber := layer != "" && strings.Trim(layer, "0123456789") == ""
	return ok && isNumber && (what == "attn.bias" || what == "attn.masked_bias")
}

// entry is a tensor as the header describes it.
type entry struct {
	name       string
	dtype      string
	shape      []uint64
	begin, end uint64 // of the data
}

// match compares e with the tensors that are needed.
func (e entry) match(needed map[string]stored) error {
	s, ok := needed[e.name]
	switch {
	case ok:
	case isBuffer(e.name):
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

// floats fills x with numbers of e, which has one of the types of weights, from the one
// with the index first on.
func (s *safetensors) floats(x []float32, e entry, first int) error {
	width := int(dtypes[e.dtype])
	buffer := make([]byte, min(blockBytes, len(x)*width))
	r := io.NewSectionReader(s.file, s.data+int64(e.begin)+int64(first*width), int64(len(x)*width))
	for rest := x; len(rest) > 0; {
		n := min(len(rest), len(buffer)/width)
		b := buffer[:n*width]
		if _, err := io.ReadFull(r, b); err != nil {
			return truncated(e.name, err)
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
	return nil
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
