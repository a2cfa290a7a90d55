package kernels_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"litefront/kernels"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// sentinel runs init(seed) and then two turns of the loop. It returns the memory
// after each.
func sentinel(t *testing.T, m *kernels.Module, seed uint64) (initial, final []byte) {
	t.Helper()
	ctx := context.Background()
	var mod api.Module
	if m.Threads > 1 {
		mod, _ = startThreads(t, m)
	} else {
		validate(t, m.Bytes)
		r := wazero.NewRuntime(ctx)
		t.Cleanup(func() { r.Close(ctx) })
		var err error
		if mod, err = r.Instantiate(ctx, m.Bytes); err != nil {
			t.Fatal(err)
		}
	}
	if got := int64(mod.Memory().Size()); got != m.Memory.TotalBytes {
		t.Errorf("memory of %d bytes, planned were %d", got, m.Memory.TotalBytes)
	}
	if m.Fixed != (m.Threads == 0) {
		t.Error("a sentinel of one thread alone is worth keeping, and is marked so")
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

// Where a thread leaves its results: in a part of the memory of its own.
func partOf(mem []byte, thread int) []byte { return mem[512*thread:][:512] }

// eachTeam tests a sentinel with several numbers of threads, some of which do not divide
// what they share.
func eachTeam(t *testing.T, test func(t *testing.T, threads int)) {
	for _, threads := range []int{1, 2, 3, 5} {
		t.Run(fmt.Sprintf("%d threads", threads), func(t *testing.T) { test(t, threads) })
	}
}

// TestComputeSentinel reads off the results how many operations each thread does in one
// run.
func TestComputeSentinel(t *testing.T) {
	eachTeam(t, func(t *testing.T, threads int) {
		initial, final := sentinel(t, kernels.ComputeSentinel(threads), seed)
		if bytes.Equal(initial, make([]byte, len(initial))) {
			t.Error("init writes nothing")
		}
		const results = 128 // pairs of vectors: a chain of products, a chain of sums
		for thread := range threads {
			var additions float64
			part := partOf(final, thread)
			for p := results; floatAt(part, p) != 0; p += 32 {
				for lane := 0; lane < 16; lane += 4 {
					product, sum := floatAt(part, p+lane), floatAt(part, p+16+lane)
					if product != 1 {
						t.Errorf("thread %d: product at %d is %g", thread, p+lane, product)
					}
					if !(sum < 1<<24) { // beyond, adding 1 changes nothing
						t.Errorf("thread %d: sum at %d is %g", thread, p+16+lane, sum)
					}
					additions += float64(sum)
				}
			}
			if 2*additions != kernels.ComputeSentinelFLOPs {
				t.Errorf("thread %d: %g additions and as many products in one run, want %d operations in all", thread, additions, kernels.ComputeSentinelFLOPs)
			}
		}
	})
}

// TestStreamSentinel shows that init makes every page differ, and that one run adds up
// every float of them: each thread a part of its own, in the second run the next one.
func TestStreamSentinel(t *testing.T) {
	eachTeam(t, func(t *testing.T, threads int) {
		initial, final := sentinel(t, kernels.StreamSentinel(threads), seed)
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
		if !bytes.Equal(final[graph.PageBytes:], stream) {
			t.Error("a run changes what it streams")
		}
		const turn, places = 128, 4 // bytes at each place, which are not divided
		each := (len(stream)/(turn*places) + threads - 1) / threads * turn * places
		for thread := range threads {
			var want [16]float32 // four accumulators of four lanes
			next := (thread + 1) % threads
			share := stream[next*each : min((next+1)*each, len(stream))]
			for begin := 0; begin < len(share)/places; begin += turn {
				for place := range places {
					for p := 0; p < turn; p += 4 {
						want[p/4%len(want)] += floatAt(share, place*len(share)/places+begin+p)
					}
				}
			}
			for i, w := range want {
				if got := floatAt(partOf(final, thread), 128+4*i); got != w {
					t.Errorf("thread %d: sum %d is %g, want %g", thread, i, got, w)
				}
			}
		}
	})
}

// TestSentinelsAreFixed compares two compilations.
func TestSentinelsAreFixed(t *testing.T) {
	for name, build := range map[string]func(int) *kernels.Module{
		"compute": kernels.ComputeSentinel, "stream": kernels.StreamSentinel,
	} {
		for _, threads := range []int{1, 2, trial.MaxThreads} {
			if a, b := build(threads), build(threads); a.SHA256 != b.SHA256 || !bytes.Equal(a.Bytes, b.Bytes) {
				t.Errorf("%s, %d threads: two compilations differ", name, threads)
			}
		}
	}
}
