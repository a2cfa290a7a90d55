//go:build !js && !wasip1

package kernels_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"litefront/internal/browsertest"
	"litefront/kernels"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// runModule is JavaScript that runs a module: it sets tokens, calls the exports
// given and returns the logits' bytes.
const runModule = `(() => {
	const bytes = Uint8Array.from(atob(%q), c => c.charCodeAt(0));
	const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
	exports.init(%d);
	new Int32Array(exports.memory.buffer, %d, %d).set(%s);
	exports.prefill(%d);
	exports.decode(%d);
	const logits = new Uint8Array(exports.memory.buffer, %d, %d);
	let text = "";
	for (let i = 0; i < logits.length; i += 4096) {
		text += String.fromCharCode(...logits.subarray(i, i + 4096));
	}
	return btoa(text);
})()`

// TestChromium runs modules of the same models in V8, in both precisions: the portable
// ones give the very bits that wazero gives, those with relaxed SIMD stay within the
// tolerance of the reference.
func TestChromium(t *testing.T) {
	tab := browsertest.New(t)
	r := rand.New(rand.NewPCG(40, 40))
	relaxedDiffers := false
	for i := range 80 {
		a := smallArch(r, 40)
		if i >= 50 {
			a = smallXL(r)
		}
		precision := trial.Precisions()[i%2]
		t.Run(fmt.Sprintf("%02d %s %v", i, precision, a), func(t *testing.T) {
			p := compile(t, a, workload(precision))
			n := 1 + r.IntN(33)
			tokens := randomTokens(r, n+1, a.Vocab)
			p.setTokens(tokens)
			p.call("prefill", uint64(n))
			p.call("decode", uint64(n))
			native, want := p.logits(), p.lastReference(tokens)

			inBrowser := func(m *kernels.Module) []float32 {
				text := browsertest.Eval[string](t, tab, fmt.Sprintf(runModule, base64.StdEncoding.EncodeToString(m.Bytes), seed,
					p.g.Tokens.Offset, len(tokens), jsArray(tokens), n, n, p.g.Logits.Offset, 4*a.Vocab))
				bytes, err := base64.StdEncoding.DecodeString(text)
				if err != nil || len(bytes) != 4*a.Vocab {
					t.Fatalf("%d bytes of logits, error %v", len(bytes), err)
				}
				logits := make([]float32, a.Vocab)
				for i := range logits {
					logits[i] = math.Float32frombits(binary.LittleEndian.Uint32(bytes[4*i:]))
				}
				return logits
			}
			for i, x := range inBrowser(emit(t, p.g, kernels.Features{})) {
				if math.Float32bits(x) != math.Float32bits(native[i]) {
					t.Fatalf("portable: logit %d is %x in Chromium and %x in wazero", i, math.Float32bits(x), math.Float32bits(native[i]))
				}
			}
			relaxed := inBrowser(emit(t, p.g, kernels.Features{RelaxedSIMD: true}))
			if e := maxError(relaxed, want); e > p.tolerance() {
				t.Errorf("relaxed: error %.2g of scale", e)
			}
			for i, x := range relaxed {
				relaxedDiffers = relaxedDiffers || x != native[i]
			}
			if precision == trial.I8 {
				// Activations have fewer bits: 14.
				if e := maxError(inBrowser(emit(t, p.g, kernels.Features{RelaxedDot: true})), want); e > 2e-3 {
					t.Errorf("relaxed dot: error %.2g of scale", e)
				}
			}
		})
	}
	if !relaxedDiffers {
		t.Log("this machine's relaxed multiply-add rounds twice, as the portable code does")
	}
}

func emit(t *testing.T, g *graph.Graph, f kernels.Features) *kernels.Module {
	t.Helper()
	m, err := kernels.Compile(g, f)
	if err != nil {
		t.Fatal(err)
	}
	validate(t, m.Bytes, "--enable-relaxed-simd")
	return m
}

func jsArray(x []int) string {
	text := "["
	for _, v := range x {
		text += fmt.Sprintf("%d,", v)
	}
	return text + "]"
}
