package objective

import (
	"math"
	"slices"
	"strings"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// candidate is a small GPT-2 with a different number in every place that an
// objective could read.
func candidate(protocol string) Candidate {
	return Candidate{
		FLOPs: 123e9,
		Arch: arch.Architecture{
			Backbone: arch.GPT2, Vocab: 1000, DModel: 64, MaxLen: 256,
			Layers: []arch.Layer{{Heads: 2, DInner: 128}, {Heads: 4, DInner: 256}},
		},
		Workload: trial.Workload{PromptLen: 192, Context: 256, Precision: trial.F32, Threads: 1},
		Memory: graph.Memory{
			WeightBytes: 3 << 20, KVBytes: 1 << 19, ArenaBytes: 5 << 20, IOBytes: 7 << 20, TotalBytes: 16 << 20,
		},
		Measurement: &trial.Measurement{
			Protocol: protocol,
			Prefill:  trial.Stat{MedianMs: 100, LowMs: 98, HighMs: 103, MinMs: 97, MeanMs: 110, SpreadMs: 1},
			Decode:   trial.Stat{MedianMs: 2, LowMs: 1.5, HighMs: 3, MinMs: 1, MeanMs: 4, SpreadMs: 0.5},
		},
	}
}

// decoderParams is LTS's formula 4d² + 4d + 2dD + D + d + 4d per layer, and 2d.
const decoderParams = 2*(4*64*64+4*64+64+4*64) + 2*64*(128+256) + 128 + 256 + 2*64

// totalParams adds the tied embedding and the positions.
const totalParams = decoderParams + 1000*64 + 256*64

// quality is the closed form by hand, of a model that its discounts leave little of.
var quality = math.Exp(-227*math.Sqrt(2)/64-2.08/2) *
	((4*64*64+4*64+64+4*64+2*64*128+128)*discount(2, 32) + (4*64*64+4*64+64+4*64+2*64*256+256)*discount(4, 16))

// discount is that of a layer, of whole multiples of proxy.Resolution.
func discount(heads, dim float64) float64 {
	return math.Round(math.Exp(-0.63*(1/heads+1/dim))*(1<<20)) / (1 << 20)
}

func TestValues(t *testing.T) {
	tests := []struct {
		name      string
		static    bool
		value     float64 // by medians
		lts       float64 // by means
		low, high float64
	}{
		{"decoder_params", true, decoderParams, decoderParams, decoderParams, decoderParams},
		{"quality", true, quality, quality, quality, quality},
		{"total_params", true, totalParams, totalParams, totalParams, totalParams},
		{"flops", true, 123e9, 123e9, 123e9, 123e9},
		{"prefill_ms", false, 100, 110, 98, 103},
		{"decode_ms", false, 2, 4, 1.5, 3},
		{"response_ms", false, 100 + 64*2, 110 + 64*4, 98 + 64*1.5, 103 + 64*3},
		{"peak_mb", true, 16, 16, 16, 16},
		{"weight_mb", true, 3, 3, 3, 3},
		{"kv_mb", true, 0.5, 0.5, 0.5, 0.5},
	}
	if len(tests) != len(All()) {
		t.Errorf("%d objectives are tested, there are %d", len(tests), len(All()))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := Parse(tt.name)
			if err != nil {
				t.Fatal(err)
			}
			if o.Static() != tt.static {
				t.Errorf("Static() = %v, want %v", o.Static(), tt.static)
			}
			for protocol, want := range map[string]float64{"litefront": tt.value, "lts": tt.lts} {
				c := candidate(protocol)
				if got, err := o.Value(c); math.Abs(got-want) > 1e-12*want || err != nil {
					t.Errorf("%s: Value = %v, %v, want %v", protocol, got, err, want)
				}
				if low, high, err := o.Interval(c); math.Abs(low-tt.low) > 1e-12*tt.low || math.Abs(high-tt.high) > 1e-12*tt.high || err != nil {
					t.Errorf("%s: Interval = %v, %v, %v, want %v, %v", protocol, low, high, err, tt.low, tt.high)
				}
			}

			before := candidate("litefront")
			before.Measurement = nil
			_, err = o.Value(before)
			_, _, intervalErr := o.Interval(before)
			if known := err == nil; known != tt.static {
				t.Errorf("before measuring: Value gives error %v", err)
			}
			if known := intervalErr == nil; known != tt.static {
				t.Errorf("before measuring: Interval gives error %v", intervalErr)
			}
		})
	}
}

func TestValueRefusesWhatIsNoAmount(t *testing.T) {
	o, err := Parse("prefill_ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, ms := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1} {
		c := candidate("litefront")
		c.Measurement.Prefill.MedianMs = ms
		if v, err := o.Value(c); err == nil || !strings.HasPrefix(err.Error(), "prefill_ms: value ") {
			t.Errorf("a median of %v gives %v, %v", ms, v, err)
		}
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range All() {
		if seen[o.Name] {
			t.Errorf("%s is there twice", o.Name)
		}
		seen[o.Name] = true
		if (o.static == nil) == (o.measured == nil) {
			t.Errorf("%s: want either static or measured", o.Name)
		}
		if o.Direction != Minimize && o.Direction != Maximize {
			t.Errorf("%s: direction %q", o.Name, o.Direction)
		}
		if want := map[string]string{"params": "", "ms": "ms", "mb": "MiB"}[o.Name[strings.LastIndex(o.Name, "_")+1:]]; o.Unit != want {
			t.Errorf("%s: unit %q, want %q", o.Name, o.Unit, want)
		}
		if strings.Count(o.Description, ".") != 1 || !strings.HasSuffix(o.Description, ".") {
			t.Errorf("%s: description %q is not one sentence", o.Name, o.Description)
		}
		if (o.Direction == Maximize) != (o.Name == "decoder_params" || o.Name == "quality") {
			t.Errorf("%s: direction %q", o.Name, o.Direction)
		}
	}
	All()[0].Name = "changed"
	if table[0].Name == "changed" {
		t.Error("All gives the table itself away")
	}
}

func TestDefaults(t *testing.T) {
	set, err := ParseSet(Defaults())
	if err != nil || len(set) != 3 {
		t.Errorf("Defaults() = %v: %v", Defaults(), err)
	}
}

// A candidate of a graph has what the graph says, and the operations of the
// whole response.
func TestNewCandidate(t *testing.T) {
	from := candidate("litefront")
	g, err := graph.Build(from.Arch, from.Workload)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCandidate(g, from.Measurement)
	if c.Arch.ID() != from.Arch.ID() || c.Workload != from.Workload || c.Memory != g.Memory || c.Measurement != from.Measurement {
		t.Errorf("NewCandidate = %+v", c)
	}
	// At least the matrices of every token: two operations a parameter.
	matrices := int64(2*4*64*64 + 2*64*(128+256))
	if least := 2 * matrices * 256; c.FLOPs < least || c.FLOPs > 2*least {
		t.Errorf("%d operations, the matrices alone take %d", c.FLOPs, least)
	}
}

func TestParseSet(t *testing.T) {
	set, err := ParseSet([]string{"decode_ms", "decoder_params", "peak_mb"})
	if err != nil {
		t.Fatal(err)
	}
	values, err := set.Values(candidate("litefront"))
	if want := []float64{2, decoderParams, 16}; err != nil || !slices.Equal(values, want) {
		t.Errorf("Values = %v, %v, want %v", values, err, want)
	}
	if got, want := set.Costs(values), []float64{2, -decoderParams, 16}; !slices.Equal(got, want) {
		t.Errorf("Costs = %v, want %v", got, want)
	}
	if values[1] != decoderParams {
		t.Errorf("Costs changed the values to %v", values)
	}
	if got := set.Costs(values[:2]); got != nil {
		t.Errorf("Costs of too few values = %v, want none", got)
	}
	before := candidate("litefront")
	before.Measurement = nil
	if values, err := set.Values(before); err == nil {
		t.Errorf("before measuring Values = %v", values)
	}
}

func TestParseSetRefuses(t *testing.T) {
	const allowed = "use one of decoder_params, quality, total_params, flops, prefill_ms, decode_ms, response_ms, peak_mb, weight_mb, kv_mb"
	tests := []struct {
		names []string
		want  string
	}{
		{nil, "objectives: 0 given; a frontier needs at least 2"},
		{[]string{"decode_ms"}, "objectives: 1 given; a frontier needs at least 2"},
		{[]string{"decode_ms", "latency"}, `objective "latency" is unknown; ` + allowed},
		{[]string{"decode_ms", ""}, `objective "" is unknown; ` + allowed},
		{[]string{"decode_ms", " peak_mb"}, `objective " peak_mb" is unknown; ` + allowed},
		{[]string{"decode_ms", strings.Repeat("x", 1000)}, `objective "` + strings.Repeat("x", 40) + `" is unknown; ` + allowed},
		{[]string{"decode_ms", "peak_mb", "decode_ms"}, `objectives: "decode_ms" is given twice; each may be given once`},
	}
	for _, tt := range tests {
		if set, err := ParseSet(tt.names); err == nil || err.Error() != tt.want {
			t.Errorf("ParseSet(%q) = %d objectives, %v, want error %q", tt.names, len(set), err, tt.want)
		}
	}
}

func TestFormat(t *testing.T) {
	tests := []struct {
		name  string
		value float64
		want  string
	}{
		{"decoder_params", 0, "0"},
		{"decoder_params", 950, "950"},
		{"decoder_params", 12345, "12.3k"},
		{"decoder_params", 999_499, "999k"},
		{"decoder_params", 999_600, "1.00M"},
		{"decoder_params", 12_345_678, "12.3M"},
		{"total_params", 1_234_567_890, "1.23B"},
		{"total_params", 1_234_567_890_123, "1235B"},
		{"flops", 4.5e9, "4.50B"},
		{"decode_ms", 0, "0.00 ms"},
		{"decode_ms", 0.00004, "0.0000 ms"},
		{"decode_ms", 0.05234, "0.0523 ms"},
		{"decode_ms", 0.09996, "0.100 ms"},
		{"decode_ms", 0.9923, "0.992 ms"},
		{"decode_ms", 0.9996, "1.00 ms"},
		{"decode_ms", 1.234, "1.23 ms"},
		{"decode_ms", 9.996, "10.0 ms"},
		{"decode_ms", 99.96, "100 ms"},
		{"prefill_ms", 1234.5, "1234 ms"},
		{"peak_mb", 79.4375, "79.4 MiB"},
	}
	for _, tt := range tests {
		o, err := Parse(tt.name)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Format(tt.value); got != tt.want {
			t.Errorf("%s: Format(%v) = %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
}
