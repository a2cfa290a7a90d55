package judge

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/proxy"
)

func TestExpressionsByHand(t *testing.T) {
	s := toy("gpt2 toy", 50, 40, 30)
	a := s.Models[1].Arch // one layer of d_model 64, d_inner 200, 2 heads; vocabulary 1000
	for _, tt := range []struct {
		text string
		want float64
	}{
		{"1 + 2*3 - 4/8", 6.5},
		{"-(1+2)*-3", 9},
		{"8/4/2 - 1 - 1", -1},
		{"min(depth, 2) + max(heads, 3)", 4},
		{"log(width/64) + sqrt(4)", 2},
		{"1.5e2 - 2e-1*5", 149},
		{"width + embed + inner", 64 + 64 + 200},
		{"feedforward", 2*64*200 + 200 + 64},
		{"attention + feedforward - params", 0},
		{"attention", 4*64*64 + 4*64 + 4*64 + 2*64},
		{"embedding", 1000*64 + 192*64},
	} {
		e, err := ParseExpression(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := e.Proxy().Scores(s.archs())[1]; math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s of %v is %v, want %v", tt.text, a, got, tt.want)
		}
	}
}

func TestBadExpressions(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "ends where a number, a statistic or a function is needed"},
		{"depth +", "ends where a number, a statistic or a function is needed"},
		{"(depth", `')' is missing before ""`},
		{"depth)", `")" is left over`},
		{"depth width", `"width" is left over`},
		{"min(depth)", `',' is missing before ")"`},
		{"log depth", `'(' is missing before "depth"`},
		{"beauty", `"beauty" is none of params, attention, feedforward, embedding, depth, width, embed, inner, heads, min, max, log, sqrt`},
		{"1e999", `"1e999" is not a finite number`},
		{"1.2.3", `"1.2.3" is not a finite number`},
		{strings.Repeat("1+", 40) + "1", "81 numbers, statistics and operators; at most 63 are allowed"},
		{strings.Repeat("(", 501), "501 bytes long; at most 500 are allowed"},
	} {
		_, err := ParseExpression(tt.text)
		if err == nil || !strings.HasPrefix(err.Error(), "expression ") || !strings.HasSuffix(err.Error(), ": "+tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.30q: got %v, want %s", tt.text, err, tt.want)
		}
	}
	// What is not finite is told when it is judged.
	e, err := ParseExpression("params/(depth-1)")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Evaluate([]Set{toy("gpt2 toy", 50, 40, 30)}, []proxy.Proxy{e.Proxy()}, 10, 1)
	if want := `proxy params/(depth-1): its value +Inf for model "0" of set "gpt2 toy" is not finite`; err == nil || err.Error() != want {
		t.Errorf("a division by zero gives %v, want %s", err, want)
	}
}

// TestExpressionText grows expressions and reads them back.
func TestExpressionText(t *testing.T) {
	table := columns(named(t, "pareto_GPT2_lm1b_corei7").archs())
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		e := grow(r, 4)
		if e.size() > maxNodes || len(e.String()) > maxText {
			return
		}
		read, err := ParseExpression(e.String())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(read.String(), e.String()) || read.size() != e.size() {
			t.Fatalf("%v is read back as %v", e, read)
		}
		want, got := e.evaluate(table), read.evaluate(table)
		for i := range want {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
				t.Fatalf("%v is %v, read back %v", e, want[i], got[i])
			}
		}
		// Replacing a part by itself changes nothing, by another changes the size.
		n := r.IntN(e.size())
		if same := replace(e, n, nth(e, n)); same.String() != e.String() {
			t.Fatalf("%v with part %d for itself is %v", e, n, same)
		}
		by := grow(r, 2)
		if other := replace(e, n, by); other.size() != e.size()-nth(e, n).size()+by.size() {
			t.Fatalf("%v with part %d replaced by %v is %v", e, n, by, other)
		}
	})
}

// TestDiscoveryGoesOn searches in one go, and through JSON after every step.
func TestDiscoveryGoesOn(t *testing.T) {
	sets := published(t)[2:4]
	run := func(d *Discovery, interrupted bool) *Discovery {
		for range 3 {
			if err := d.Step(sets); err != nil {
				t.Fatal(err)
			}
			if interrupted {
				data, err := json.Marshal(d)
				if err != nil {
					t.Fatal(err)
				}
				d = &Discovery{}
				if err := json.Unmarshal(data, d); err != nil {
					t.Fatal(err)
				}
				if err := d.Validate(sets); err != nil {
					t.Fatal(err)
				}
			}
		}
		return d
	}
	start := func(seed uint64) *Discovery {
		d, err := NewDiscovery(sets, seed)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	once := run(start(1), false)
	if again := run(start(1), true); !reflect.DeepEqual(once, again) {
		t.Error("an interrupted search finds something else")
	}
	if other := run(start(2), false); reflect.DeepEqual(once.Searches, other.Searches) {
		t.Error("another seed finds the same")
	}
	if done, all := once.Progress(); done != 3 || all != 3*generations {
		t.Errorf("progress %d of %d, want 3 of %d", done, all, 3*generations)
	}
}

// A search never looks at the set that it leaves out.
func TestDiscoveryLeavesOut(t *testing.T) {
	sets := published(t)[2:4]
	first := func(sets []Set) []string {
		d, err := NewDiscovery(sets, 1)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := d.Step(sets); err != nil {
				t.Fatal(err)
			}
		}
		return d.Searches[0].Population
	}
	want := first(sets)
	changed := []Set{sets[0], sets[1]}
	changed[0].Models = nil
	for i, m := range sets[0].Models {
		m.Perplexity = float64(2 + i%7)
		changed[0].Models = append(changed[0].Models, m)
	}
	if !reflect.DeepEqual(first(changed), want) {
		t.Error("perplexities of the set that is held out make a difference")
	}
}

// Generations improve what fitness measures.
func TestDiscoveryImproves(t *testing.T) {
	sets := published(t)[2:4]
	d, err := NewDiscovery(sets, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := newRanker(sets[1:])
	var before float64
	for generation := range 8 {
		if err := d.Step(sets); err != nil {
			t.Fatal(err)
		}
		best, err := d.Searches[0].Best()
		if err != nil {
			t.Fatal(err)
		}
		fitness := r.fitness(best)
		if fitness < before {
			t.Errorf("generation %d is worse than the one before: %v, %v", generation, fitness, before)
		}
		before = fitness
	}
	params, err := ParseExpression("params")
	if err != nil {
		t.Fatal(err)
	}
	if before <= r.fitness(params) {
		t.Errorf("fitness %v after 8 generations, that of params is %v", before, r.fitness(params))
	}
}

func TestBadDiscoveries(t *testing.T) {
	sets := published(t)[2:4]
	if _, err := NewDiscovery(sets[:1], 1); err == nil || !strings.Contains(err.Error(), "at least 2 sets") {
		t.Errorf("one set gives %v", err)
	}
	for name, tt := range map[string]struct {
		spoil func(*Discovery)
		want  string
	}{
		"other tables": {func(d *Discovery) { d.Searches[0].HeldOut = "x" }, `discovery: search 0 holds out "x", must be "pareto_GPT2_lm1b_corei7" for these tables`},
		"fewer sets":   {func(d *Discovery) { d.Searches = d.Searches[1:] }, "discovery: 2 searches, must be 3 for these tables"},
		"generation":   {func(d *Discovery) { d.Searches[1].Generation = -1 }, "discovery: search 1: generation -1 must be 0 to 60"},
		"population":   {func(d *Discovery) { d.Searches[1].Generation = 1 }, "discovery: search 1: population of 0 must be 300"},
		"expression":   {func(d *Discovery) { d.Searches[2].Population = []string{"1/"} }, `discovery: search 2: expression "1/": ends where a number, a statistic or a function is needed`},
	} {
		d, err := NewDiscovery(sets, 1)
		if err != nil {
			t.Fatal(err)
		}
		tt.spoil(d)
		if err := d.Validate(sets); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

func FuzzParseExpression(f *testing.F) {
	for _, seed := range []string{
		"log(params) - 2/depth", "min(width, embed)*-1.5e-3", "((((1))))", "--1", "1-+1", "sqrt(", "0x1p3", "1e", ".", "max(1,2,3)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseExpression(text)
		if err != nil {
			if message := err.Error(); strings.ContainsAny(message, "\r\n") || len(message) > 500 {
				t.Fatalf("error %q is not one short line", message)
			}
			return
		}
		written := e.String()
		if len(written) > maxText {
			return // parentheses and digits made it longer
		}
		again, err := ParseExpression(written)
		if err != nil || again.String() != written {
			t.Fatalf("%q is written %q and read back as %v, %v", text, written, again, err)
		}
	})
}

// FuzzDiscovery goes on with searches from outside.
func FuzzDiscovery(f *testing.F) {
	sets := []Set{toy("gpt2 a", 50, 40, 30), toy("gpt2 b", 20, 30, 10)}
	d, err := NewDiscovery(sets, 1)
	if err != nil {
		f.Fatal(err)
	}
	if err := d.Step(sets); err != nil {
		f.Fatal(err)
	}
	data, err := json.Marshal(d)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"seed":1,"searches":[{"held_out":"gpt2 a","generation":60},{"held_out":"gpt2 b"},{}]}`))
	f.Add([]byte(`{"searches":[{"held_out":"gpt2 a","population":["1/0","log(0-1)"]},{"held_out":"gpt2 b"},{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d Discovery
		if json.Unmarshal(data, &d) != nil {
			return
		}
		if err := d.Validate(sets); err != nil {
			if message := err.Error(); strings.ContainsAny(message, "\r\n") || len(message) > 500 {
				t.Fatalf("error %q is not one short line", message)
			}
			return
		}
		if err := d.Step(sets); err != nil {
			t.Fatal(err)
		}
	})
}
