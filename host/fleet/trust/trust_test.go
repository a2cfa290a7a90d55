package trust

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

func stat(ms float64) trial.Stat {
	return trial.Stat{SamplesMs: []float64{ms, ms, ms}, Batch: 1, MedianMs: ms, MinMs: ms, LowMs: ms, HighMs: ms, MeanMs: ms}
}

// candidate number n, and what an honest device measures of it, times factor.
func candidate(n int) arch.Architecture {
	return arch.Architecture{Backbone: arch.GPT2, Vocab: 100, DModel: 8 * (1 + n%5), MaxLen: 16,
		Layers: []arch.Layer{{Heads: 1, DInner: 8 * (1 + n)}}}.Canonical()
}

func claim(device string, n int, factor float64) Claim {
	a := candidate(n)
	ms := 1 + float64(a.TotalParams())/1e4
	return Claim{device, trial.Measurement{
		ArchID: a.ID(), Workload: trial.Workload{PromptLen: 4, Context: 8, Precision: trial.F32, Threads: 1},
		Protocol: trial.Litefront, Prefill: stat(ms * factor), Decode: stat(ms * factor / 4),
		Compute: stat(3), Stream: stat(5), Slowdown: 1, SpentMs: 10, MemoryBytes: 65536, Verdict: trial.OK,
	}}
}

// measure has devices take a job in turn, until a claim is accepted.
func measured(t interface{ Fatalf(string, ...any) }, j *Judge, factors, slowdowns map[string]float64, order []string, n int) (Decision, []Quarantine) {
	var out []Quarantine
	claimed := 0
	for _, device := range order {
		if !j.Trusted(device) {
			continue
		}
		peers := -1
		for _, other := range order {
			if j.Trusted(other) {
				peers++
			}
		}
		slower := max(slowdowns[device], 1)
		c := claim(device, n, factors[device]*slower)
		c.Measurement.Slowdown, c.Measurement.Compute, c.Measurement.Stream = slower, stat(3*slower), stat(5*slower)
		d := j.Consider(fmt.Sprint("job", n), candidate(n), c, peers-claimed)
		claimed++
		out = append(out, d.Quarantined...)
		if d.Accept != nil {
			return d, out
		}
		if d.Replicate == "" || len(d.Claimed) != claimed {
			t.Fatalf("job %d: %+v after %d claims", n, d, claimed)
		}
	}
	t.Fatalf("job %d: nobody is believed", n)
	return Decision{}, nil
}

// With a majority of honest devices, whoever measures first, no lie by 2 is believed,
// every liar that goes on is quarantined, and no honest device is.
func TestLiars(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lie := rapid.SampledFrom([]float64{0.5, 2}).Draw(rt, "lie")
		after := rapid.IntRange(0, 20).Draw(rt, "honest jobs before the first lie")
		j := NewJudge("")
		devices := []string{"a", "b", "c", "d", "liar"}
		caught := 0
		job := func(n int, order []string) {
			factors := map[string]float64{"a": 1, "b": 1.05, "c": 0.95, "d": 1.1, "liar": 1}
			if n >= after {
				factors["liar"] = lie
			}
			// One of the honest ones may be slow at the time, and says so.
			slow := rapid.SampledFrom(devices[:4]).Draw(rt, "slow")
			slowdowns := map[string]float64{slow: rapid.Float64Range(1, 1.6).Draw(rt, "slowdown")}
			d, out := measured(rt, j, factors, slowdowns, order, n)
			m := d.Accept.Measurement
			if ratio := m.Prefill.MedianMs / m.Slowdown / claim("", n, 1).Measurement.Prefill.MedianMs; ratio < 0.9 || ratio > 1.2 {
				rt.Fatalf("job %d: accepted is %v times the truth, from %q", n, ratio, d.Accept.Device)
			}
			for _, q := range out {
				caught++
				if q.Device != "liar" || !strings.Contains(q.Reason, "contradict") {
					rt.Fatalf("quarantined: %+v", q)
				}
			}
		}
		for n := range 40 {
			job(n, rapid.Permutation(devices).Draw(rt, "order"))
		}
		for n := 40; j.Trusted("liar") && n < 42; n++ { // where it never came first
			job(n, []string{"liar", "a", "b", "c", "d"})
		}
		if caught != 1 {
			rt.Errorf("the liar was caught %d times", caught)
		}
	})
}

// A device that lies from its first result on is caught in its probation.
func TestLiarFromTheStart(t *testing.T) {
	j := NewJudge("")
	factors := map[string]float64{"a": 1, "b": 1, "c": 1, "liar": 2}
	for n := range 2 {
		if _, out := measured(t, j, factors, nil, []string{"liar", "a", "b", "c"}, n); (len(out) == 1) != (n == 1) {
			t.Errorf("job %d: quarantined %+v", n, out)
		}
	}
	if d := j.Consider("job9", candidate(9), claim("liar", 9, 1), 3); d.Accept != nil || d.Replicate != "" {
		t.Errorf("what a quarantined device says is considered: %+v", d)
	}
}

// A device alone in its class is believed: there is nothing to compare it with.
func TestAlone(t *testing.T) {
	j := NewJudge("")
	for n := range 20 {
		if d := j.Consider(fmt.Sprint(n), candidate(n), claim("a", n, 1), 0); d.Accept == nil || d.Quarantined != nil {
			t.Fatalf("job %d: %+v", n, d)
		}
	}
}

func TestTwoContradict(t *testing.T) {
	j := NewJudge("")
	if d := j.Consider("x", candidate(1), claim("a", 1, 1), 1); d.Accept != nil || !strings.Contains(d.Replicate, "new") {
		t.Errorf("%+v", d)
	}
	if d := j.Consider("x", candidate(1), claim("a", 1, 1), 1); d.Accept != nil {
		t.Errorf("delivered twice, it confirms itself: %+v", d)
	}
	if d := j.Consider("x", candidate(1), claim("b", 1, 0.5), 0); d.Accept == nil || d.Accept.Device != "a" || d.Quarantined != nil {
		t.Errorf("%+v; want the slower of two", d)
	}
}

func TestGarbage(t *testing.T) {
	j := NewJudge("")
	if out := j.Garbage("a", "no JSON"); out != nil {
		t.Errorf("quarantined at the first: %v", out)
	}
	out := j.Garbage("a", "no JSON")
	if len(out) != 1 || !strings.Contains(out[0].Reason, "no JSON") || j.Trusted("a") {
		t.Errorf("%v", out)
	}
}

// A board that is hot is as slow as its sentinels, and says so.
func TestSlowdown(t *testing.T) {
	j := NewJudge("")
	hot := claim("hot", 1, 2)
	hot.Measurement.Slowdown = 2
	j.Consider("x", candidate(1), claim("a", 1, 1), 2)
	if d := j.Consider("x", candidate(1), hot, 1); d.Accept == nil || d.Accept.Device != "a" {
		t.Errorf("%+v", d)
	}
}

// Slow memory makes decoding as much slower, and not what computes. More than it explains
// is a contradiction.
func TestSlowMemory(t *testing.T) {
	for _, test := range []struct {
		prefill, decode float64
		want            bool
	}{{1, 1.45, true}, {1, 1, true}, {1.45, 1.45, true}, {1, 2.2, false}, {0.6, 1.45, false}} {
		slow := claim("slow", 1, 1).Measurement
		slow.Slowdown = 1.45
		slow.Prefill, slow.Decode = stat(slow.Prefill.MedianMs*test.prefill), stat(slow.Decode.MedianMs*test.decode)
		usual := claim("a", 1, 1).Measurement
		if got := agree(slow, usual); got != test.want || agree(usual, slow) != got {
			t.Errorf("prefill %v and decoding %v times the usual, 1.45 times slower: agreed %v", test.prefill, test.decode, got)
		}
	}
}

// A device whose memory is half as fast as usual, and whose arithmetic is not slower, says
// so: others need not confirm it, and do not contradict it.
func TestVerySlowMemory(t *testing.T) {
	j := NewJudge("")
	consider := func(n int, prefill, decode float64) Decision {
		t.Helper()
		slow := claim("slow", n, 1)
		m := &slow.Measurement
		m.Slowdown, m.Prefill, m.Decode, m.Stream = 2, stat(prefill*m.Prefill.MedianMs), stat(decode*m.Decode.MedianMs), stat(10)
		job := fmt.Sprint("job", n)
		j.Consider(job, candidate(n), slow, 2)
		j.Consider(job, candidate(n), claim("a", n, 1), 1)
		return j.Consider(job, candidate(n), claim("b", n, 1), 0)
	}
	for n := range 4 {
		d := consider(n, 1, 2)
		if d.Accept == nil || d.Accept.Device == "slow" || d.Contradicted != nil || slices.Contains(d.Confirmed, "slow") || !j.Trusted("slow") {
			t.Fatalf("job %d: %+v", n, d)
		}
	}
	if d := consider(4, 4, 2); !slices.Equal(d.Contradicted, []string{"slow"}) {
		t.Errorf("a prompt that took four times as long, with a slowdown of 2: %+v", d)
	}
}

func TestCheck(t *testing.T) {
	if err := Check(claim("a", 1, 1).Measurement, 65536, ""); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		want   string
		change func(*trial.Measurement)
	}{
		{"memory_bytes", func(m *trial.Measurement) { m.MemoryBytes = 1 }},
		{"module_sha256", func(m *trial.Measurement) { m.ModuleSHA256 = "y" }},
		{"spent_ms", func(m *trial.Measurement) { m.SpentMs = 0 }},
		{"slowdown", func(m *trial.Measurement) { m.Slowdown = 0 }},
		{"prefill: median_ms", func(m *trial.Measurement) { m.Prefill.MedianMs *= 2 }},
		{"prefill: mean_ms", func(m *trial.Measurement) { m.Prefill.MeanMs /= 2 }},
		{"decode: high_ms", func(m *trial.Measurement) { m.Decode.HighMs /= 2 }},
		{"decode: spread_ms", func(m *trial.Measurement) { m.Decode.SpreadMs = math.NaN() }},
		{"decode: batch", func(m *trial.Measurement) { m.Decode.Batch = 0 }},
		{"decode: min_ms", func(m *trial.Measurement) { m.Decode.MinMs /= 2 }},
		{"decode: sample -1", func(m *trial.Measurement) { m.Decode.SamplesMs = []float64{-1, 2} }},
		{"stream_sentinel: samples_ms is empty", func(m *trial.Measurement) { m.Stream = trial.Stat{} }},
	} {
		m := claim("a", 1, 1).Measurement
		m.ModuleSHA256 = "x"
		test.change(&m)
		if err := Check(m, 65536, "x"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v; want %q", err, test.want)
		}
	}
}
