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

// tinyXL is its Transformer-XL: three clusters of 2, 3 and 4 tokens with widths 6,
// 3 and 1, a model width of 5 that two heads do not fill.
var tinyXL = arch.Architecture{Backbone: arch.TransformerXL, Vocab: 9, DModel: 5, DEmbed: 6, DivVal: 2, Cutoffs: []int{2, 5}, MaxLen: 2,
	MemLen: 3, Layers: []arch.Layer{{Heads: 2, DInner: 7}, {Heads: 1, DInner: 6}}}

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

// written is a file of numbered weights, read by the format's definition.
type written struct {
	t      *testing.T
	header map[string]json.RawMessage // what was not checked yet
	data   []byte
	number map[string]int
	values int // that were checked
}

func write(t *testing.T, a arch.Architecture) *written {
	t.Helper()
	header, data := parts(t, a)
	if (8+len(header))%8 != 0 {
		t.Errorf("the data begins at %d", 8+len(header))
	}
	w := &written{t: t, data: data}
	_, w.number = numbered(t, a)
	if err := json.Unmarshal([]byte(header), &w.header); err != nil {
		t.Fatal(err)
	}
	if got := string(w.header["__metadata__"]); got != `{"format":"pt"}` {
		t.Errorf("metadata %s", got)
	}
	delete(w.header, "__metadata__")
	return w
}

// check compares a tensor with what its entries should be.
func (w *written) check(name string, shape []int, want func(row, col int) float32) {
	w.t.Helper()
	raw, ok := w.header[name]
	if !ok {
		w.t.Errorf("%s is missing", name)
		return
	}
	delete(w.header, name)
	var x struct {
		Dtype   string
		Shape   []int
		Offsets []int `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw, &x); err != nil {
		w.t.Fatal(err)
	}
	rows, cols := 1, shape[0]
	if len(shape) == 2 {
		rows, cols = shape[0], shape[1]
	}
	if x.Dtype != "F32" || fmt.Sprint(x.Shape) != fmt.Sprint(shape) || x.Offsets[1]-x.Offsets[0] != 4*rows*cols {
		w.t.Errorf("%s is %+v, want shape %v", name, x, shape)
		return
	}
	w.values += rows * cols
	for r := range rows {
		for c := range cols {
			bits := binary.LittleEndian.Uint32(w.data[x.Offsets[0]+4*(r*cols+c):])
			if got := math.Float32frombits(bits); got != want(r, c) {
				w.t.Errorf("%s[%d, %d] is %v, want %v", name, r, c, got, want(r, c))
				return
			}
		}
	}
}

// same is the tensor of that name as it is.
func (w *written) same(of string) func(row, col int) float32 {
	number, ok := w.number[of]
	if !ok {
		w.t.Errorf("no tensor %s", of)
	}
	return func(r, c int) float32 { return entry(number, r, c) }
}

// done checks that the file holds nothing else.
func (w *written) done(a arch.Architecture) {
	w.t.Helper()
	for name := range w.header {
		w.t.Errorf("%s is in the file", name)
	}
	if int64(w.values) != a.TotalParams() || len(w.data) != 4*w.values {
		w.t.Errorf("%d values in %d bytes, want %d", w.values, len(w.data), a.TotalParams())
	}
}

// TestGPT2Names compares a file with what transformers' GPT2LMHeadModel keeps
// where.
func TestGPT2Names(t *testing.T) {
	w := write(t, tiny)
	number, check, same := w.number, w.check, w.same
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
	w.done(tiny)
}

// TestTransfoXLNames does so with TransfoXLLMHeadModel.
func TestTransfoXLNames(t *testing.T) {
	w := write(t, tinyXL)
	check, same := w.check, w.same
	check("transformer.word_emb.emb_layers.0.weight", []int{2, 6}, same("wte.0"))
	check("transformer.word_emb.emb_layers.1.weight", []int{3, 3}, same("wte.1"))
	check("transformer.word_emb.emb_layers.2.weight", []int{4, 1}, same("wte.2"))
	check("transformer.word_emb.emb_projs.0", []int{5, 6}, same("emb_proj.0"))
	check("transformer.word_emb.emb_projs.1", []int{5, 3}, same("emb_proj.1"))
	check("transformer.word_emb.emb_projs.2", []int{5, 1}, same("emb_proj.2"))
	check("crit.cluster_weight", []int{2, 6}, same("clusters.weight"))
	check("crit.cluster_bias", []int{2}, same("clusters.bias"))
	for i, tokens := range []int{2, 3, 4} {
		check(fmt.Sprintf("crit.out_layers.%d.bias", i), []int{tokens}, same(fmt.Sprintf("out.%d.bias", i)))
	}
	for i, l := range []struct{ heads, dim, inner int }{{2, 2, 7}, {1, 5, 6}} { // 2·2 is less than 5
		here, there, s := fmt.Sprintf("h.%d.", i), fmt.Sprintf("transformer.layers.%d.", i), l.heads*l.dim
		head := func(of string) func(r, c int) float32 {
			row := same(of)
			return func(r, c int) float32 { return row(0, r*l.dim+c) }
		}
		check(there+"dec_attn.r_w_bias", []int{l.heads, l.dim}, head(here+"attn.content.bias"))
		check(there+"dec_attn.r_r_bias", []int{l.heads, l.dim}, head(here+"attn.position.bias"))
		qkv := []string{"q", "k", "v"}
		check(there+"dec_attn.qkv_net.weight", []int{3 * s, 5}, func(r, c int) float32 {
			return same(here+"attn."+qkv[r/s]+".weight")(r%s, c)
		})
		check(there+"dec_attn.r_net.weight", []int{s, 5}, same(here+"attn.r.weight"))
		check(there+"dec_attn.o_net.weight", []int{5, s}, same(here+"attn.o.weight"))
		check(there+"pos_ff.CoreNet.0.weight", []int{l.inner, 5}, same(here+"mlp.fc.weight"))
		check(there+"pos_ff.CoreNet.0.bias", []int{l.inner}, same(here+"mlp.fc.bias"))
		check(there+"pos_ff.CoreNet.3.weight", []int{5, l.inner}, same(here+"mlp.proj.weight"))
		check(there+"pos_ff.CoreNet.3.bias", []int{5}, same(here+"mlp.proj.bias"))
		for norm, of := range map[string]string{"dec_attn.layer_norm": "ln_1", "pos_ff.layer_norm": "ln_2"} {
			check(there+norm+".weight", []int{5}, same(here+of+".weight"))
			check(there+norm+".bias", []int{5}, same(here+of+".bias"))
		}
	}
	w.done(tinyXL)
}

// file assembles a safetensors file.
func file(header string, data []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+string(data)...)
}

// parts takes a file of numbered weights apart.
func parts(t testing.TB, a arch.Architecture) (header string, data []byte) {
	t.Helper()
	weights, _ := numbered(t, a)
	var b bytes.Buffer
	if err := export.WriteSafetensors(&b, a, weights); err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(b.Bytes())
	return string(b.Bytes()[8 : 8+n]), b.Bytes()[8+n:]
}

func TestReadRefuses(t *testing.T) {
	header, data := parts(t, tiny)
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
	if _, err := export.ReadSafetensors(bytes.NewReader(whole), tinyXL); err == nil || !strings.Contains(err.Error(), `"transformer.wte.weight" is unknown`) {
		t.Errorf("Transformer-XL: %v", err)
	}
}

// plain is what a stock class can express.
var plain = arch.Architecture{Backbone: arch.GPT2, Vocab: 5, DModel: 4, MaxLen: 2, Layers: []arch.Layer{{Heads: 2, DInner: 7}}}

// shared is an adaptive softmax over one table.
var shared = arch.Architecture{Backbone: arch.TransformerXL, Vocab: 9, DModel: 4, DEmbed: 3, Cutoffs: []int{2}, MaxLen: 2,
	Layers: []arch.Layer{{Heads: 2, DInner: 7}}}

// TestReadForeign reads files as others write them: without the prefix, with
// buffers, with what the model ties stored again, in any order.
func TestReadForeign(t *testing.T) {
	for _, c := range []struct {
		arch    arch.Architecture
		buffers []string
		copies  map[string]string // of which tensor
	}{
		{plain, []string{"h.0.attn.bias", "h.0.attn.masked_bias"}, map[string]string{"lm_head.weight": "transformer.wte.weight"}},
		{tinyXL, []string{"pos_emb.inv_freq"}, map[string]string{
			"crit.out_layers.0.weight": "transformer.word_emb.emb_layers.0.weight",
			"crit.out_layers.2.weight": "transformer.word_emb.emb_layers.2.weight",
			"crit.out_projs.0":         "transformer.word_emb.emb_projs.0",
			"crit.out_projs.1":         "transformer.word_emb.emb_projs.1",
		}},
		{shared, nil, map[string]string{
			"crit.out_projs.0": "transformer.word_emb.emb_projs.0",
			"crit.out_projs.1": "transformer.word_emb.emb_projs.0",
		}},
	} {
		header, data := parts(t, c.arch)
		var tensors map[string]struct {
			Shape   json.RawMessage
			Offsets []int `json:"data_offsets"`
		}
		if err := json.Unmarshal([]byte(header), &tensors); err != nil {
			t.Fatal(err)
		}
		more := "{"
		add := func(name, dtype, shape string, x []byte) {
			more += fmt.Sprintf(`%q:{"shape":%s,"dtype":%q,"data_offsets":[%d,%d]},`, name, shape, dtype, len(data), len(data)+len(x))
			data = append(data, x...)
		}
		for _, name := range c.buffers {
			add(name, "F64", "[1,2]", make([]byte, 16))
		}
		for name, of := range c.copies {
			x := tensors[of]
			add(name, "F32", string(x.Shape), data[x.Offsets[0]:x.Offsets[1]])
		}
		header = strings.ReplaceAll(strings.Replace(header, "{", more, 1), "transformer.", "")
		got, err := export.ReadSafetensors(bytes.NewReader(file(header, data)), c.arch)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := numbered(t, c.arch)
		sameWeights(t, got, want)

		data[len(data)-1] ^= 1 // an output of its own
		if _, err := export.ReadSafetensors(bytes.NewReader(file(header, data)), c.arch); err == nil || !strings.Contains(err.Error(), "differs from") {
			t.Errorf("untied: %v", err)
		}
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
	archs := []arch.Architecture{tiny, tinyXL}
	for _, a := range archs {
		header, data := parts(f, a)
		f.Add(file(header, data))
		f.Add(file(strings.ReplaceAll(header, "transformer.", ""), data))
		f.Add(file(strings.ReplaceAll(header, `"F32"`, `"BF16"`), data))
	}
	f.Add(file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, nil))
	f.Add(file("{}", nil))
	f.Add([]byte("12345678{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, a := range archs {
			w, err := export.ReadSafetensors(bytes.NewReader(data), a)
			if err != nil {
				continue
			}
			var b bytes.Buffer
			if err := export.WriteSafetensors(&b, a, w); err != nil {
				t.Fatal(err)
			}
			again, err := export.ReadSafetensors(bytes.NewReader(b.Bytes()), a)
			if err != nil {
				t.Fatal(err)
			}
			sameWeights(t, again, w)
		}
	})
}
