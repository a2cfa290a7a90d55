package kernels_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"testing"

	"github.com/tetratelabs/wazero"

	"litefront/kernels"
	"litefront/searchcore/graph"
)

// sentinel runs init(seed) and then two turns of the loop. It returns the memory
// after each.
func sentinel(t *testing.T, m *kernels.Module, seed uint64) (initial, final []byte) {
	t.Helper()
	validate(t, m.Bytes)
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { r.Close(ctx) })
	mod, err := r.Instantiate(ctx, m.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if got := int64(mod.Memory().Size()); got != m.Memory.TotalBytes {
		t.Errorf("memory of %d bytes, planned were %d", got, m.Memory.TotalBytes)
	}
	if !m.Fixed {
		t.Error("a sentinel is the same in every run, yet not marked so")
	}
	mem, _ := mod.Memory().Read(0, mod.Memory().Size()) // a view
	if _, err := mod.ExportedFunction("init").Call(ctx, seed); err != nil {
		t.Fatal(err)
	}
	initial = bytes.Clone(mem)
	if _, err := mod.ExportedFunction("loop").Call(ctx, 0, 2); err != nil {
		t.Fatal(err)
	}
	return initial, bytes.Clone(mem)
}

func floatAt(mem []byte, p int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(mem[p:]))
}

// TestComputeSentinel reads off the results how many operations one run does.
func TestComputeSentinel(t *testing.T) {
	initial, final := sentinel(t, kernels.ComputeSentinel(), seed)
	if bytes.Equal(initial, make([]byte, len(initial))) {
		t.Error("init writes nothing")
	}
	const results = 128 // pairs of vectors: a chain of products, a chain of sums
	var additions float64
	for p := results; floatAt(final, p) != 0; p += 32 {
		for lane := 0; lane < 16; lane += 4 {
			product, sum := floatAt(final, p+lane), floatAt(final, p+16+lane)
			if product != 1 {
				t.Errorf("product at %d is %g", p+lane, product)
			}
			if !(sum < 1<<24) { // beyond, adding 1 changes nothing
				t.Errorf("sum at %d is %g", p+16+lane, sum)
			}
			additions += float64(sum)
		}
	}
	if 2*additions != kernels.ComputeSentinelFLOPs {
		t.Errorf("%g additions and as many products in one run, want %d operations in all", additions, kernels.ComputeSentinelFLOPs)
	}
}

// TestStreamSentinel shows that init makes every page differ, and that one run
// adds up every float of them.
func TestStreamSentinel(t *testing.T) {
	initial, final := sentinel(t, kernels.StreamSentinel(), seed)
	stream := initial[graph.PageBytes:]
	if len(stream) != kernels.StreamSentinelBytes {
		t.Fatalf("%d bytes to stream, want %d", len(stream), kernels.StreamSentinelBytes)
	}
	const osPage = 4096
	seen := map[[64]byte]int{}
	for p := 0; p < len(stream); p += osPage {
		begin := [64]byte(stream[p:])
		if other, ok := seen[begin]; ok {
			t.Fatalf("pages at %d and %d begin with the same bytes", other, p)
		}
		seen[begin] = p
	}
	var want [16]float32 // four accumulators of four lanes
	for p := 0; p < len(stream); p += 4 {
		want[p/4%len(want)] += floatAt(stream, p)
	}
	for i, w := range want {
		if got := floatAt(final, 64+4*i); got != w {
			t.Errorf("sum %d is %g, want %g", i, got, w)
		}
	}
	if !bytes.Equal(final[graph.PageBytes:], stream) {
		t.Error("a run changes what it streams")
	}
}

// TestSentinelsAreFixed compares two compilations.
func TestSentinelsAreFixed(t *testing.T) {
	for name, build := range map[string]func() *kernels.Module{
		"compute": kernels.ComputeSentinel, "stream": kernels.StreamSentinel,
	} {
		if a, b := build(), build(); a.SHA256 != b.SHA256 || !bytes.Equal(a.Bytes, b.Bytes) {
			t.Errorf("%s: two compilations differ", name)
		}
	}
}
