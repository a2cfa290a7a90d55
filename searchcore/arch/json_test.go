package arch

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// golden fixes canonical JSON and IDs for ever: journals and devices of all
// versions rely on them. The IDs were computed by another program from the text.
// A change here is a mistake.
var golden = []struct {
	name, json, id string
}{
	{"gallery",
		`{"arch_type":"gpt2","n_layer":4,"d_model":320,"d_inner":[576,576,576,576],"n_head":[2,2,2,2],"vocab_size":50257,"max_sequence_length":1024}`,
		"763e1e9d11d444f39fc13fea0f7584bd"},
	{"heterogeneous, projected by div_val",
		`{"arch_type":"gpt2","n_layer":3,"d_model":320,"d_inner":[2176,3072,2496],"n_head":[2,2,2],"vocab_size":50264,"max_sequence_length":192,"div_val":2}`,
		"29e5a7d6a7917cb4eafa4210e94e648c"},
	{"projected by width",
		`{"arch_type":"gpt2","n_layer":1,"d_model":512,"d_inner":[1270],"n_head":[8],"vocab_size":50264,"max_sequence_length":192,"d_embed":128}`,
		"30f892748fc4b672a10889b4249409de"},
	{"transformer-xl, adaptive",
		`{"arch_type":"transformer-xl","n_layer":2,"d_model":576,"d_inner":[1792,2816],"n_head":[2,8],"vocab_size":267735,"div_val":4,"cutoffs":[19997,39997,199997],"mem_len":192}`,
		"0b4a411b5bc6b38489f41fc89da2b4f0"},
	{"every key of transformer-xl",
		`{"arch_type":"transformer-xl","n_layer":1,"d_model":64,"d_inner":[128],"n_head":[3],"vocab_size":1000,"d_embed":32,"div_val":4,"cutoffs":[100,500],"mem_len":8}`,
		"7b4e67c41626695016170bbcba7ef797"},
}

func TestGoldenIDs(t *testing.T) {
	for _, test := range golden {
		t.Run(test.name, func(t *testing.T) {
			a, err := Parse([]byte(test.json))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := json.Marshal(a); err != nil || string(got) != test.json {
				t.Errorf("canonical JSON %s (%v), want %s", got, err, test.json)
			}
			if a.ID() != test.id {
				t.Errorf("ID %s, want %s", a.ID(), test.id)
			}
		})
	}
}

// TestSpellings reads texts that all mean the first golden architecture.
func TestSpellings(t *testing.T) {
	const rest = `"n_layer": 4, "d_model": 320, "vocab_size": 50257`
	for _, text := range []string{
		`{"arch_type": "gpt2", "d_inner": 576, "n_head": 2, "max_sequence_length": 1024, ` + rest + `}`,
		`{` + rest + `, "max_sequence_length": 1024, "n_head": [2, 2, 2, 2], "d_inner": 576, "arch_type": "gpt2"}`,
		`{"arch_type": "gpt2", "d_inner": 576, "n_head": 2, "max_sequence_length": 1024, "d_embed": 320, "div_val": 1, "mem_len": 0, "cutoffs": [], ` + rest + `}`,
		`{"arch_type": "gpt2", "d_inner": 576, "n_head": 2, "max_sequence_length": 1024, "d_embed": 0, "cutoffs": [59997, 99997, 639997], ` + rest + `}`,
		"\t\n" + `{"arch_type": "\u0067pt2", "dropatt": 0.0, "dropout": 0.1, "d_inner": 576, "n_head": 2, "max_sequence_length": 1024, ` + rest + "}\n",
	} {
		var a Architecture
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if a.ID() != golden[0].id {
			t.Errorf("%s: ID %s, want %s", text, a.ID(), golden[0].id)
		}
	}
}

func TestUnmarshalErrors(t *testing.T) {
	// with changes the value of one key of a valid text, or adds it.
	with := func(key, value string) string {
		members := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(golden[1].json), &members); err != nil {
			t.Fatal(err)
		}
		if value == "" {
			delete(members, key)
		} else {
			members[key] = json.RawMessage(value)
		}
		data, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	valid := golden[1].json
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"JSON"}},
		{"cut short", valid[:50], []string{"JSON"}},
		{"trailing data", valid + " {}", []string{"JSON", "after top-level value"}},
		{"null", "null", []string{"null", "object"}},
		{"list", "[]", []string{"[]", "object"}},
		{"unknown key", with("n_heads", "4"), []string{`"n_heads"`, "4", "arch_type, n_layer, d_model, d_inner, n_head, vocab_size, max_sequence_length, d_embed, div_val, cutoffs, mem_len"}},
		{"keys are case-sensitive", with("D_Model", "4"), []string{`"D_Model"`}},
		{"duplicate key", strings.Replace(valid, "{", `{"d_model":64,`, 1), []string{`"d_model"`, "320", "once"}},
		{"duplicate key, escaped", strings.Replace(valid, "{", `{"d_\u006dodel":64,`, 1), []string{`"d_model"`, "once"}},
		{"no arch_type", with("arch_type", ""), []string{"arch_type is missing"}},
		{"no n_layer", with("n_layer", ""), []string{"n_layer is missing"}},
		{"no d_model", with("d_model", ""), []string{"d_model is missing"}},
		{"no d_inner", with("d_inner", ""), []string{"d_inner is missing"}},
		{"no n_head", with("n_head", ""), []string{"n_head is missing"}},
		{"no vocab_size", with("vocab_size", ""), []string{"vocab_size is missing"}},
		{"no max_sequence_length", with("max_sequence_length", ""), []string{"max_sequence_length is missing"}},
		{"arch_type of wrong type", with("arch_type", "2"), []string{"arch_type 2", "string"}},
		{"arch_type null", with("arch_type", "null"), []string{"arch_type null", "string"}},
		{"other arch_type", with("arch_type", `"opt"`), []string{`"opt"`, `"gpt2"`, `"transformer-xl"`}},
		{"text for a number", with("d_model", `"320"`), []string{`d_model "320"`, "integer"}},
		{"null for a number", with("d_model", "null"), []string{"d_model null", "integer"}},
		{"fraction", with("d_model", "320.5"), []string{"d_model 320.5", "integer"}},
		{"fraction of nothing", with("d_model", "320.0"), []string{"d_model 320.0", "integer"}},
		{"exponent", with("d_model", "32e1"), []string{"d_model 32e1", "integer"}},
		{"huge", with("d_model", "4294967616"), []string{"d_model 4294967616", "32-bit"}},
		{"out of range", with("d_model", "0"), []string{"d_model 0", "1 to 65536"}},
		{"absurd depth", with("n_layer", "2000000000"), []string{"n_layer 2000000000", "1 to 256"}},
		{"short list", with("d_inner", "[1,2]"), []string{"d_inner [1,2]", "list of 3"}},
		{"list of text", with("n_head", `[2,"2",2]`), []string{`n_head [2,"2",2]`, "integers"}},
		{"object for a list", with("n_head", `{}`), []string{`n_head {}`, "integer"}},
		{"cutoffs not a list", with("cutoffs", "7"), []string{"cutoffs 7", "list"}},
		{"cutoffs null", with("cutoffs", "null"), []string{"cutoffs null", "list"}},
		{"cutoffs with null", with("cutoffs", "[null]"), []string{"cutoffs [null]", "integers"}},
		{"heads that do not divide", with("n_head", "7"), []string{"n_head[0] 7", "divide d_model 320"}},
		{"long value", with("arch_type", `"`+strings.Repeat("x", 5000)+`"`), []string{"xxx..."}},
		{"value with control characters", `{"` + "\u2028\u009b" + `": [1,` + "\n" + `2]}`, []string{"[1, 2]"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := small()
			err := a.UnmarshalJSON([]byte(test.text))
			checkOneLine(t, err, test.want...)
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
			if !reflect.DeepEqual(a, small()) {
				t.Errorf("a failed read changed the receiver to %+v", a)
			}
		})
	}
}

func TestMarshalZeroValue(t *testing.T) {
	want := `{"arch_type":"","n_layer":0,"d_model":0,"d_inner":[],"n_head":[],"vocab_size":0}`
	if got, err := json.Marshal(Architecture{}); err != nil || string(got) != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}
