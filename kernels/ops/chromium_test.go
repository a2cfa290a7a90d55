//go:build !js && !wasip1

package ops

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"litefront/internal/browsertest"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// runLinear is JavaScript that puts memory into the instance of a module, calls
// its export and returns a part of the memory.
const runLinear = `(() => {
	const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
	globalThis.exported ??= new WebAssembly.Instance(new WebAssembly.Module(bytes(%q))).exports;
	const memory = new Uint8Array(exported.memory.buffer);
	memory.set(bytes(%q));
	exported.run(...%s, %d);
	return btoa(String.fromCharCode(...memory.subarray(%d, %d)));
})()`

// TestRelaxedDot runs Quantize and LinearI8 by the dot instruction, which wazero
// does not have, in V8. Sums are exact, so results are the loops' to the last bit;
// sums at their bound are among them.
func TestRelaxedDot(t *testing.T) {
	tab := browsertest.New(t)
	module := wasmasm.NewModule()
	module.Memory(8, 8)
	l := New(module, Features{RelaxedDot: true})
	quantize, linear, f := l.Quantize(), l.LinearI8(), module.Func("run")
	x, q, sx, w, sw, y := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
	m, n, k8, k16, limit := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
	f.Call(quantize, x, q, sx, m, k8, limit.ConvertF32())
	f.Call(linear, q, sx, w, sw, y, m, n, k16, k16.Shl(i32(5)), n.Shl(i32(2)))
	wasm, err := module.Bytes()
	if err != nil {
		t.Fatal(err)
	}

	r := rand.New(rand.NewPCG(71, 1))
	check := func(m, n, k int, x []float32, w []int8) {
		t.Helper()
		stored, limit := (k+15)/16*16, l.Range(k)
		sw, want := random(r, n), random(r, m*n)
		var memory []byte
		put := func(data any) int {
			at := len(memory)
			memory, err = binary.Append(memory, binary.LittleEndian, data)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		px, pq, psx := put(x), put(integers[int16](r, m*stored, 1000)), put(random(r, m))
		pw, psw, py := put(packI8(r, w, stored)), put(filled(r, sw)), put(want)
		end := len(memory)
		args := fmt.Sprintf("[%d,%d,%d,%d,%d,%d,%d,%d,%d,%d]", px, pq, psx, pw, psw, py, m, n, k/8, stored/16)
		text := browsertest.Eval[string](t, tab, fmt.Sprintf(runLinear, base64.StdEncoding.EncodeToString(wasm),
			base64.StdEncoding.EncodeToString(memory), args, limit, py, end))
		got, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(got) != 4*m*n {
			t.Fatalf("%d bytes, error %v", len(got), err)
		}
		for i := range m {
			top := float32(least)
			for _, v := range x[i*k : (i+1)*k] {
				top = max(top, v, -v)
			}
			scale, factor := top/float32(limit), float32(limit)/top
			for j := range n {
				sum := int32(0)
				for c := range k {
					sum += int32(math.RoundToEven(float64(x[i*k+c]*factor))) * int32(w[j*stored+c])
				}
				scaled := float32(sum) * float32(sw[j]*scale)
				want[i*n+j] += scaled
				if bits := binary.LittleEndian.Uint32(got[4*(i*n+j):]); bits != math.Float32bits(want[i*n+j]) {
					t.Fatalf("m %d n %d k %d: y(%d, %d) is %g, want %g", m, n, k, i, j, math.Float32frombits(bits), want[i*n+j])
				}
			}
		}
	}
	weights := func(n, k int) []int8 { // zero beyond k
		stored := (k + 15) / 16 * 16
		w := integers[int8](r, n*stored, 127)
		for j := range n {
			clear(w[j*stored+k : (j+1)*stored])
		}
		return w
	}
	for m := 1; m <= 3; m++ {
		for n := 1; n <= 2*graph.Panel+1; n += 2 {
			for k8 := 1; k8 <= 4*unroll16+1; k8 += 3 {
				check(m, n, 8*k8, random(r, m*8*k8), weights(n, 8*k8))
			}
		}
	}
	for _, k := range []int{2064, 4096} {
		x, w := make([]float32, 3*k), make([]int8, 5*k)
		for i := range x {
			x[i] = float32(1 - 2*(i/k%2)) // of one sign in each row
		}
		for i := range w {
			w[i] = 127
		}
		check(3, 5, k, x, w)
	}
}
