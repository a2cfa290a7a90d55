package judge

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"litefront/searchcore/arch"
)

func TestPublishedTables(t *testing.T) {
	want := map[string]struct {
		corpus            string
		models, untrained int
	}{
		"random_GPT2_wt103":           {"WikiText-103", 200, 0},
		"random_TransXL_wt103":        {"WikiText-103", 200, 0},
		"pareto_GPT2_lm1b_corei7":     {"LM1B", 38, 0},
		"pareto_GPT2_lm1b_titanxp":    {"LM1B", 38, 1},
		"pareto_TransXL_lm1b_corei7":  {"LM1B", 35, 0},
		"pareto_TransXL_lm1b_titanxp": {"LM1B", 40, 0},
	}
	sets := published(t)
	if len(sets) != len(want) {
		t.Errorf("%d sets, want %d", len(sets), len(want))
	}
	for _, s := range sets {
		w := want[s.Name]
		if s.Corpus() != w.corpus || len(s.Models) != w.models || s.Untrained != w.untrained || s.Rounded != 0 {
			t.Errorf("%s: %s, %d models, %d untrained, %d rounded; want %+v", s.Name, s.Corpus(), len(s.Models), s.Untrained, s.Rounded, w)
		}
	}
}

const header = "exp,n_layer,d_model,d_inner,n_head,valid_ppl\n"

func TestMinimalTable(t *testing.T) {
	var table Table
	err := table.Add(strings.NewReader("valid_ppl,colour,n_head,d_inner,d_model,n_layer,exp\n" +
		"30.5,red,4,256|512,128,2,my GPT-2\n,,4,256,128,2,my GPT-2\n25,blue,12,2048,1024,3.0,my GPT-2\n20,,8,256,128,1,transformer-xl\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Sets) != 2 || len(table.Sets[0].Models) != 2 || len(table.Sets[1].Models) != 1 {
		t.Fatalf("read %+v", table.Sets)
	}
	s := table.Sets[0]
	if s.Corpus() != "my GPT-2" || s.Untrained != 1 || s.Rounded != 1 {
		t.Errorf("set %+v", s)
	}
	for i, want := range []arch.Architecture{
		{Backbone: arch.GPT2, Vocab: 50257, DModel: 128, MaxLen: 192, Layers: []arch.Layer{{Heads: 4, DInner: 256}, {Heads: 4, DInner: 512}}},
		// 12 heads do not divide 1024; 8 do.
		{Backbone: arch.GPT2, Vocab: 50257, DModel: 1024, MaxLen: 192, Layers: []arch.Layer{{Heads: 8, DInner: 2048}, {Heads: 8, DInner: 2048}, {Heads: 8, DInner: 2048}}},
	} {
		if got := s.Models[i].Arch; got.ID() != want.ID() {
			t.Errorf("model %d is %v, want %v", i, got, want)
		}
	}
	if got := table.Sets[1].Models[0].Arch; got.Backbone != arch.TransformerXL || got.MemLen != 192 {
		t.Errorf("Transformer-XL is %v", got)
	}
}

func TestBadTables(t *testing.T) {
	for _, tt := range []struct{ table, want string }{
		{"", "table: empty; the first line must name the columns"},
		{"exp,n_layer,d_model,d_inner,n_head\n", `table: column "valid_ppl" is missing; there must be exp, n_layer, d_model, d_inner, n_head, valid_ppl`},
		{"exp,exp\n", `table: column "exp" is there twice`},
		{header + "gpt2,2,128,256\n", "table: record on line 2: wrong number of fields"},
		{header + "gpt2,2,128,256,4,\"30\n", `table: parse error on line 2, column 22: extraneous or missing " in quoted-field`},
		{header + ",2,128,256,4,30\n", `table: line 2: exp "" must be a name of 1 to 60 characters`},
		{header + "mamba,2,128,256,4,30\n", `table: line 2: exp "mamba" must name the backbone, GPT2 or TransXL`},
		{header + "gpt2,2,128,256,4,NaN\n", `table: line 2: valid_ppl "NaN" must be a finite number of at least 1, or empty`},
		{header + "gpt2,2,128,256,4,inf\n", `table: line 2: valid_ppl "inf" must be a finite number of at least 1, or empty`},
		{header + "gpt2,2,128,256,4,0.5\n", `table: line 2: valid_ppl "0.5" must be a finite number of at least 1, or empty`},
		{header + "gpt2,2,128,256,4,low\n", `table: line 2: valid_ppl "low" must be a finite number of at least 1, or empty`},
		{header + "gpt2,two,128,256,4,30\n", `table: line 2: n_layer "two" must be a whole number`},
		{header + "gpt2,1000000000,128,256,4,30\n", "table: line 2: n_layer 1000000000 must be 1 to 256"},
		{header + "gpt2,2,128,256|256|256,4,30\n", "table: line 2: d_inner has 3 values, must have 1 or n_layer 2"},
		{header + "gpt2,2,128,256,4|x,30\n", `table: line 2: n_head "x" must be a whole number`},
		{header + "gpt2,2,128,,4,30\n", `table: line 2: d_inner "" must be a whole number`},
		{header + "gpt2,2,128,256,0,30\n", "table: line 2: architecture: n_head[0] 0 must be 1 to 128"},
		{header + "gpt2,2,-128,256,4,30\n", "table: line 2: architecture: d_model -128 must be 1 to 65536"},
		{header + "gpt2,2,128,256,4,30\ngpt2,2,128,256,4|4,31\n", `table: line 3: set "gpt2" has the architecture gpt2 L2 d128 D256 h4 twice`},
	} {
		var table Table
		if err := table.Add(strings.NewReader(tt.table)); err == nil || err.Error() != tt.want {
			t.Errorf("%q:\ngot  %v\nwant %s", tt.table, err, tt.want)
		}
	}
}

func TestTableLimits(t *testing.T) {
	var table Table
	err := table.Add(strings.NewReader(header + "gpt2,2,128,256,4,30" + strings.Repeat(" ", maxTable) + "\n"))
	if want := fmt.Sprintf("table: larger than %d bytes", maxTable); err == nil || err.Error() != want {
		t.Errorf("a huge line gives %v, want %s", err, want)
	}
	var b bytes.Buffer
	b.WriteString(header)
	for i := range maxSets + 1 {
		fmt.Fprintf(&b, "gpt2-%d,2,128,256,4,30\n", i)
	}
	table = Table{}
	if err := table.Add(&b); err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf(`exp "gpt2-%d" is one more than %d sets`, maxSets, maxSets)) {
		t.Errorf("too many sets give %v", err)
	}
	b.WriteString(header)
	for i := range maxModels + 1 {
		fmt.Fprintf(&b, "gpt2,1,128,%d,4,30\n", i+1)
	}
	table = Table{}
	if err := table.Add(&b); err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf("set %q has more than %d models", "gpt2", maxModels)) {
		t.Errorf("too many models give %v", err)
	}
}

func FuzzTable(f *testing.F) {
	f.Add(header + "gpt2,2,128,256|512,4,30\nTransXL,1,64,64,2,\n")
	f.Add("exp,n_layer,d_model,d_embed,div_val,cutoffs,n_token,d_inner,n_head,valid_ppl,id\ngpt2,1,64,32,4,10|20,30,64,12,1.5,\"a\nb\"\n")
	f.Add(header + "gpt2,999999999,9,9,9,9\n")
	f.Add(header + "gpt2,1,9000000000000000000,9,8999999999999999999,9\n") // rounding must not count down that far
	if data, err := os.ReadFile(filepath.Join("..", "..", "arch", "testdata", "lts_pareto_lm1b.csv")); err == nil {
		f.Add(string(data[:2000]))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var table Table
		if err := table.Add(strings.NewReader(text)); err != nil {
			if message := err.Error(); strings.ContainsAny(message, "\n\r") || len(message) > 500 {
				t.Fatalf("error %q is not one short line", message)
			}
			return
		}
		for _, s := range table.Sets {
			for _, m := range s.Models {
				if err := m.Arch.Validate(); err != nil || !(m.Perplexity >= 1) {
					t.Fatalf("read %v with perplexity %v: %v", m.Arch, m.Perplexity, err)
				}
			}
		}
	})
}
