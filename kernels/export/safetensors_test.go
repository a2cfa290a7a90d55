package export_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"litefront/kernels/export"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
)

// tiny differs in every dimension: 5 tokens, width 4 (embedding 3), 2 positions,
// feed-forward widths 7 and 6.
var tiny = arch.Architecture{Backbone: arch.GPT2, Vocab: 5, DModel: 4, DEmbed: 3, MaxLen: 2,
	Layers: []arch.Layer{{Heads: 2, DInner: 7}, {Heads: 1, DInner: 6}}}

// entry is a number that says which tensor, row and column it stands in.
func entry(tensor, row, col int) float32 {
	return float32(tensor)*1e4 + float32(row)*100 + float32(col)
}

// numbered returns weights of entries and the number of each tensor.
func numbered(t testing.TB, a arch.Architecture) (export.Weights, map[string]int) {
	t.Helper()
	w, number := export.Weights{}, map[string]int{}
	for _, x := range build(t, a).Tensors {
		if x.Kind != graph.Weight {
			continue
		}
		number[x.Name] = len(number) + 1
		for r := range x.Rows.Len {
			for c := range x.Cols.Len {
				w[x.Name] = append(w[x.Name], entry(number[x.Name], r, c))
			}
		}
	}
	return w, number
}

// TestHuggingFaceNames reads a file by the format's definition and compares it
// with what transformers' GPT2LMHeadModel keeps where.
func TestHuggingFaceNames(t *testing.T) {
	weights, number := numbered(t, tiny)
	var file bytes.Buffer
	if err := export.WriteSafetensors(&file, tiny, weights); err != nil {
		t.Fatal(err)
	}
	length := binary.LittleEndian.Uint64(file.Bytes())
	data := file.Bytes()[8+length:]
	if (8+length)%8 != 0 {
		t.Errorf("the data begins at %d", 8+length)
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file.Bytes()[8:8+length], &header); err != nil {
		t.Fatal(err)
	}
	if got := string(header["__metadata__"]); got != `{"format":"pt"}` {
		t.Errorf("metadata %s", got)
	}
	delete(header, "__metadata__")

	type tensor struct {
		Dtype   string
		Shape   []int
		Offsets []int `json:"data_offsets"`
	}
	values := 0
	check := func(name string, shape []int, want func(row, col int) float32) {
		t.Helper()
		raw, ok := header[name]
		if !ok {
			t.Errorf("%s is missing", name)
			return
		}
		delete(header, name)
		var x tensor
		if err := json.Unmarshal(raw, &x); err != nil {
			t.Fatal(err)
		}
		rows, cols := 1, shape[0]
		if len(shape) == 2 {
			rows, cols = shape[0], shape[1]
		}
		if x.Dtype != "F32" || fmt.Sprint(x.Shape) != fmt.Sprint(shape) || x.Offsets[1]-x.Offsets[0] != 4*rows*cols {
			t.Errorf("%s is %+v, want shape %v", name, x, shape)
			return
		}
		values += rows * cols
		for r := range rows {
			for c := range cols {
				bits := binary.LittleEndian.Uint32(data[x.Offsets[0]+4*(r*cols+c):])
				if got := math.Float32frombits(bits); got != want(r, c) {
					t.Errorf("%s[%d, %d] is %v, want %v", name, r, c, got, want(r, c))
					return
				}
			}
		}
	}
	same := func(of string) func(r, c int) float32 {
		return func(r, c int) float32 { return entry(number[of], r, c) }
	}
	transposed := func(of string) func(r, c int) float32 {
		return func(r, c int) float32 { return entry(number[of], c, r) }
	}
	check("transformer.wte.weight", []int{5, 3}, same("wte"))
	check("transformer.emb_proj.weight", []int{4, 3}, same("emb_proj"))
	check("transformer.wpe.weight", []int{2, 4}, same("wpe"))
	check("transformer.ln_f.weight", []int{4}, same("ln_f.weight"))
	check("transformer.ln_f.bias", []int{4}, same("ln_f.bias"))
	for i, inner := range []int{7, 6} {
		here, there := fmt.Sprintf("h.%d.", i), fmt.Sprintf("transformer.h.%d.", i)
		for _, norm := range []string{"ln_1", "ln_2"} {
			check(there+norm+".weight", []int{4}, same(here+norm+".weight"))
			check(there+norm+".bias", []int{4}, same(here+norm+".bias"))
		}
		qkv := []string{"q", "k", "v"}
		check(there+"attn.c_attn.weight", []int{4, 12}, func(r, c int) float32 {
			return entry(number[here+"attn."+qkv[c/4]+".weight"], c%4, r)
		})
		check(there+"attn.c_attn.bias", []int{12}, func(_, c int) float32 {
			return entry(number[here+"attn."+qkv[c/4]+".bias"], 0, c%4)
		})
		check(there+"attn.c_proj.weight", []int{4, 4}, transposed(here+"attn.o.weight"))
		check(there+"attn.c_proj.bias", []int{4}, same(here+"attn.o.bias"))
		check(there+"mlp.c_fc.weight", []int{4, inner}, transposed(here+"mlp.fc.weight"))
		check(there+"mlp.c_fc.bias", []int{inner}, same(here+"mlp.fc.bias"))
		check(there+"mlp.c_proj.weight", []int{inner, 4}, transposed(here+"mlp.proj.weight"))
		check(there+"mlp.c_proj.bias", []int{4}, same(here+"mlp.proj.bias"))
	}
	for name := range header {
		t.Errorf("%s is in the file", name)
	}
	if int64(values) != tiny.TotalParams() || len(data) != 4*values {
		t.Errorf("%d values in %d bytes, want %d", values, len(data), tiny.TotalParams())
	}
}

// file assembles a safetensors file.
func file(header string, data []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+string(data)...)
}

// parts takes a file of tiny apart.
func parts(t testing.TB) (header string, data []byte) {
	t.Helper()
	weights, _ := numbered(t, tiny)
	var b bytes.Buffer
	if err := export.WriteSafetensors(&b, tiny, weights); err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(b.Bytes())
	return string(b.Bytes()[8 : 8+n]), b.Bytes()[8+n:]
}

func TestReadRefuses(t *testing.T) {
	header, data := parts(t)
	edit := func(old, new string) []byte {
		if !strings.Contains(header, old) {
			t.Fatalf("no %s in the header %s", old, header)
		}
		return file(strings.Replace(header, old, new, 1), data)
	}
	const wte = `"transformer.wte.weight":{"dtype":"F32","shape":[5,3],"data_offsets":[0,60]}`
	whole := file(header, data)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "ends within the header's size"},
		{"short header", whole[:20], "ends within the header"},
		{"short data", whole[:len(whole)-1], `ends within transformer.ln_f.bias`},
		{"long data", append(bytes.Clone(whole), 0), "bytes follow the last tensor"},
		{"huge header", binary.LittleEndian.AppendUint64(nil, 1<<63), "header of 9223372036854775808 bytes"},
		{"no object", file("[1,2]", nil), "no JSON object"},
		{"no end", file(`{"a":{}`, nil), "no JSON object"},
		{"trailing", file(header+"{}", data), "something follows"},
		{"twice", edit(wte, wte+","+wte), `"transformer.wte.weight" occurs twice`},
		{"twice, without prefix", file(strings.Replace(header, "{", fmt.Sprintf(`{"ln_f.bias":{"dtype":"F32","shape":[4],"data_offsets":[%d,%d]},`, len(data), len(data)+16), 1),
			append(bytes.Clone(data), make([]byte, 16)...)), `"transformer.ln_f.bias" occurs twice`},
		{"key twice", edit(`"dtype":"F32"`, `"dtype":"F32","dtype":"F32"`), `"dtype" occurs twice`},
		{"unknown key", edit(`"dtype":"F32"`, `"dtype":"F32","extra":1`), `unknown key "extra"`},
		{"unknown tensor", edit("transformer.ln_f.bias", "transformer.ln_g.bias"), `"transformer.ln_g.bias" is unknown`},
		{"missing", file("{}", nil), `"transformer.wte.weight" is missing`},
		{"shape", edit("[5,3]", "[3,5]"), `"transformer.wte.weight" has shape [3 5], needed is [5 3]`},
		{"rank", edit("[5,3]", "[15]"), "has shape [15]"},
		{"negative", edit("[5,3]", "[-5,3]"), "shape [-5,3]"},
		{"fraction", edit("[5,3]", "[5.5,3]"), "shape [5.5,3]"},
		{"overflow", edit("[5,3]", "[4611686018427387904,4]"), "too large"},
		{"dtype", edit(`"dtype":"F32"`, `"dtype":"I32"`), "dtype I32, must be F32, F16 or BF16"},
		{"unknown dtype", edit(`"dtype":"F32"`, `"dtype":"F33"`), `unknown dtype "F33"`},
		{"size", edit("[0,60]", "[0,61]"), "60 bytes apart"},
		{"backwards", edit("[0,60]", "[60,0]"), "60 bytes apart"},
		{"overlap", edit("[60,108]", "[56,104]"), "begin at 56, but the tensor before it ends at 60"},
		{"hole", edit("[60,108]", "[64,112]"), "begin at 64, but the tensor before it ends at 60"},
		{"three offsets", edit("[0,60]", "[0,60,0]"), "60 bytes apart"},
		{"long name", edit("transformer.ln_f.bias", strings.Repeat("x", 1000)), "…"},
	} {
		w, err := export.ReadSafetensors(bytes.NewReader(c.file), tiny)
		if w != nil || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
	if _, err := export.ReadSafetensors(bytes.NewReader(whole), arch.Architecture{}); err == nil {
		t.Error("an invalid architecture was accepted")
	}
	xl := arch.Architecture{Backbone: arch.TransformerXL, Vocab: 5, DModel: 4, Layers: []arch.Layer{{Heads: 1, DInner: 1}}}
	if _, err := export.ReadSafetensors(bytes.NewReader(whole), xl); err == nil || !strings.Contains(err.Error(), "transformer-xl") {
		t.Errorf("Transformer-XL: %v", err)
	}
}

// plain is what a stock class can express.
var plain = arch.Architecture{Backbone: arch.GPT2, Vocab: 5, DModel: 4, MaxLen: 2, Layers: []arch.Layer{{Heads: 2, DInner: 7}}}

// TestReadForeign reads files as others write them: without the prefix, with the
// buffers of old versions, with the output layer stored again, in any order.
func TestReadForeign(t *testing.T) {
	weights, _ := numbered(t, plain)
	var b bytes.Buffer
	if err := export.WriteSafetensors(&b, plain, weights); err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(b.Bytes())
	header, data := strings.TrimSpace(string(b.Bytes()[8:8+n])), b.Bytes()[8+n:]
	end := len(data)
	more := fmt.Sprintf(`{"lm_head.weight":{"shape":[5,4],"dtype":"F32","data_offsets":[%d,%d]},`+
		`"h.0.attn.bias":{"dtype":"U8","shape":[1,1,2,2],"data_offsets":[%d,%d]},`+
		`"h.0.attn.masked_bias":{"dtype":"F64","shape":[],"data_offsets":[%d,%d]},`, end, end+80, end+80, end+84, end+84, end+92)
	header = strings.ReplaceAll(strings.Replace(header, "{", more, 1), "transformer.", "")
	data = append(append(bytes.Clone(data), data[:80]...), make([]byte, 12)...)
	got, err := export.ReadSafetensors(bytes.NewReader(file(header, data)), plain)
	if err != nil {
		t.Fatal(err)
	}
	sameWeights(t, got, weights)

	data[end] ^= 1 // an output layer of its own
	if _, err := export.ReadSafetensors(bytes.NewReader(file(header, data)), plain); err == nil || !strings.Contains(err.Error(), "differs from") {
		t.Errorf("untied: %v", err)
	}
}

// TestReadHalves reads both half precisions, of which every value is also a
// float32.
func TestReadHalves(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 1 << 14, DModel: 4, MaxLen: 2, Layers: []arch.Layer{{Heads: 2, DInner: 7}}}
	var b bytes.Buffer
	if err := export.WriteSafetensors(&b, a, export.Seeded(build(t, a), seed)); err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(b.Bytes())
	var header map[string]map[string]any
	if err := json.Unmarshal(b.Bytes()[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	for _, dtype := range []string{"F16", "BF16"} {
		end := 0
		for name, x := range header {
			if name == "__metadata__" {
				continue
			}
			size := 2
			for _, d := range x["shape"].([]any) {
				size *= int(d.(float64))
			}
			x["dtype"], x["data_offsets"] = dtype, []int{end, end + size}
			end += size
		}
		begin := header["transformer.wte.weight"]["data_offsets"].([]int)[0]
		data := make([]byte, end)
		for bits := range 1 << 16 { // the embedding has room for every one
			binary.LittleEndian.PutUint16(data[begin+2*bits:], uint16(bits))
		}
		text, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		w, err := export.ReadSafetensors(bytes.NewReader(file(string(text), data)), a)
		if err != nil {
			t.Fatal(err)
		}
		for bits, got := range w["wte"] {
			var want float64
			if dtype == "F16" {
				want = half(bits)
			} else {
				want = float64(math.Float32frombits(uint32(bits) << 16))
			}
			if float64(got) != want && !(math.IsNaN(float64(got)) && math.IsNaN(want)) || math.Signbit(float64(got)) != (bits>>15 == 1) {
				t.Fatalf("%s %04x is read as %v, want %v", dtype, bits, got, want)
			}
		}
	}
}

// half is the value of an IEEE 754 binary16, by its definition.
func half(bits int) float64 {
	sign, e, f := 1-2*float64(bits>>15), bits>>10&31, float64(bits&1023)
	switch {
	case e == 31 && f != 0:
		return math.NaN()
	case e == 31:
		return math.Inf(int(sign))
	case e == 0:
		return sign * math.Ldexp(f, -24)
	}
	return sign * math.Ldexp(1+f/1024, e-15)
}

// FuzzReadSafetensors checks that whatever is accepted is whole, and the same
// after being written and read again.
func FuzzReadSafetensors(f *testing.F) {
	header, data := parts(f)
	f.Add(file(header, data))
	f.Add(file(strings.ReplaceAll(header, "transformer.", ""), data))
	f.Add(file(strings.ReplaceAll(header, `"F32"`, `"BF16"`), data))
	f.Add(file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, nil))
	f.Add(file("{}", nil))
	f.Add([]byte("12345678{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := export.ReadSafetensors(bytes.NewReader(data), tiny)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := export.WriteSafetensors(&b, tiny, w); err != nil {
			t.Fatal(err)
		}
		again, err := export.ReadSafetensors(&b, tiny)
		if err != nil {
			t.Fatal(err)
		}
		sameWeights(t, again, w)
	})
}
