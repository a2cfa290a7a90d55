package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"litefront/searchcore/proxy"
	"litefront/searchcore/proxy/judge"
)

// published are the paths of the tables of trained models.
func published(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, name := range []string{"lts_random_wt103.csv", "lts_pareto_lm1b.csv"} {
		path, err := filepath.Abs(filepath.Join("..", "..", "searchcore", "arch", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

const tableHeader = "exp,id,n_layer,d_model,d_inner,n_head,valid_ppl\n"

// writeTable writes a table of two small sets, in which depth helps.
func (s sandbox) writeTable(name string) {
	var b strings.Builder
	b.WriteString(tableHeader)
	for _, set := range []string{"gpt2_a", "gpt2_b"} {
		for i := range 24 {
			layers, inner := 1+i%6, 128*(1+i/6)
			fmt.Fprintf(&b, "%s,m%d,%d,128,%d,2,%g\n", set, i, layers, inner, 100/math.Sqrt(float64(layers))-float64(inner)/100)
		}
	}
	s.write(name, b.String())
}

// The tables in docs say what the program finds.
func TestDocumentedTables(t *testing.T) {
	s := newSandbox(t)
	for _, command := range []string{"eval", "fit"} {
		path := filepath.Join("..", "..", "docs", "quality", command+".txt")
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.must(append([]string{"proxy", command}, published(t)...)...); got != string(want) {
			t.Errorf("%s is stale; run make reproduce\ngot\n%s", path, got)
		}
	}
}

func TestProxyEval(t *testing.T) {
	s := newSandbox(t)
	args := append([]string{"proxy", "eval", "--expression", "log(params) - 2/depth", "--out", "plot.svg"}, published(t)[1])
	text := s.must(args...)
	for _, want := range []string{"pareto_GPT2_lm1b_titanxp (LM1B): 38 models", "\nquality ", "\nlog(params)-(2/depth) ", "gain over decoder_params"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if plot, err := os.ReadFile(s.path("plot.svg")); err != nil || !strings.Contains(string(plot), "</svg>") {
		t.Errorf("the plot: %v", err)
	}
	var results []judge.Result
	if err := json.Unmarshal([]byte(s.must(append(args, "--json")...)), &results); err != nil {
		t.Fatal(err)
	}
	if want := 4 * (len(proxy.All()) + 1) * len(judge.Metrics()); len(results) != want {
		t.Errorf("%d results, want %d", len(results), want)
	}
}

func TestProxyFit(t *testing.T) {
	s := newSandbox(t)
	var fit struct {
		Form  proxy.Form     `json:"form"`
		Folds []held         `json:"folds"`
		Mean  []judge.Result `json:"mean"`
	}
	if err := json.Unmarshal([]byte(s.must("proxy", "fit", "--json", published(t)[1])), &fit); err != nil {
		t.Fatal(err)
	}
	if frozen := proxy.Fitted(); fit.Form.Depth < 0.8*frozen.Depth || fit.Form.Depth > 1.25*frozen.Depth {
		t.Errorf("fitted %+v on the frontiers, frozen is %+v", fit.Form, frozen)
	}
	if len(fit.Folds) != 4 { // of one corpus, which cannot be held out
		t.Errorf("%d folds, want one for each of 4 sets", len(fit.Folds))
	}
	if len(fit.Mean) != len(judge.Metrics()) || fit.Mean[0].Set != judge.MeanOfSets {
		t.Errorf("means %+v, want one a metric", fit.Mean)
	}
	s.writeTable("small.csv")
	text := s.must("proxy", "fit", "small.csv")
	if !strings.Contains(text, "\ngpt2_a ") || !strings.Contains(text, "\nnothing ") {
		t.Errorf("got\n%s", text)
	}
}

func TestProxyDiscover(t *testing.T) {
	s := newSandbox(t)
	s.writeTable("small.csv")
	args := []string{"proxy", "discover", "small.csv", "--state", "search.json"}
	text := s.must(args...)
	if !strings.Contains(text, "\ngpt2_a ") || !strings.Contains(text, "\nnothing ") {
		t.Errorf("got\n%s", text)
	}
	// What is done is not done again, and what is left is done as before.
	data, err := os.ReadFile(s.path("search.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d judge.Discovery
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	d.Searches[2] = judge.Search{}
	data, err = json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	s.write("search.json", string(data))
	if again := s.must(args...); again != text {
		t.Errorf("first\n%s\nthen\n%s", text, again)
	}
	if _, stderr, code := s.run(append(args, "--seed", "2")...); code != 1 || stderr != "litefront: search.json: its seed is 1, not 2\n" {
		t.Errorf("another seed: exit code %d, %s", code, stderr)
	}
	s.write("search.json", "{")
	if _, stderr, code := s.run(args...); code != 1 || !strings.HasPrefix(stderr, "litefront: search.json: is no kept search: ") {
		t.Errorf("a broken file: exit code %d, %s", code, stderr)
	}
}

func TestProxyBadInput(t *testing.T) {
	s := newSandbox(t)
	s.writeTable("good.csv")
	s.write("short.csv", "exp,n_layer\n")
	s.write("ties.csv", tableHeader+"gpt2,a,1,64,128,2,30\ngpt2,b,2,64,128,2,30\ngpt2,c,3,64,128,2,30\n")
	s.write("one.csv", tableHeader+"gpt2,a,1,64,128,2,30\ngpt2,b,2,64,128,2,20\ngpt2,c,3,64,128,2,10\n")
	s.write("nan.csv", tableHeader+"gpt2,a,1,64,128,2,NaN\n")
	s.write("empty.csv", tableHeader)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"eval"}, "litefront proxy eval needs a table of trained models, a CSV file"},
		{[]string{"eval", "none.csv"}, "open none.csv: no such file or directory"},
		{[]string{"eval", "short.csv"}, `short.csv: table: column "d_model" is missing; there must be exp, n_layer, d_model, d_inner, n_head, valid_ppl`},
		{[]string{"eval", "nan.csv"}, `nan.csv: table: line 2: valid_ppl "NaN" must be a finite number of at least 1, or empty`},
		{[]string{"eval", "empty.csv"}, "no set; the tables have no rows"},
		{[]string{"eval", "ties.csv"}, `set "gpt2": every valid_ppl is 30; there is nothing to rank`},
		{[]string{"eval", "good.csv", "good.csv"}, `good.csv: table: line 2: set "gpt2_a" has the architecture gpt2 L1 d128 D128 h2 twice`},
		{[]string{"eval", "one.csv", "--expression", "1/"}, `expression "1/": ends where a number, a statistic or a function is needed`},
		{[]string{"eval", "one.csv", "--expression", "params/(depth-2)"}, `proxy params/(depth-2): its value +Inf for model "b" of set "gpt2" is not finite`},
		{[]string{"fit", "one.csv"}, "holding out needs at least 2 sets (column exp) of different name or corpus; the tables have 1"},
		{[]string{"discover", "one.csv"}, "discovery needs at least 2 sets (column exp) to judge by leaving one out; the tables have 1"},
		{[]string{"evil"}, `unknown command "evil"; the commands are discover, eval, fit, frontier`},
	} {
		_, stderr, code := s.run(append([]string{"proxy"}, tt.args...)...)
		if code != 1 || stderr != "litefront: "+tt.want+"\n" {
			t.Errorf("%v: exit code %d\ngot  %swant litefront: %s", tt.args, code, stderr, tt.want)
		}
	}
}
