package runtime

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"litefront/kernels/generate"
	"litefront/kernels/jobs"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// What a model computes can be told of a child process as of this one, and is the same.
func TestChecksum(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 50, DModel: 16, MaxLen: 16, Layers: []arch.Layer{{Heads: 2, DInner: 32}}}
	w := trial.Workload{PromptLen: 8, Context: 12, Precision: trial.F32, Threads: 1}
	sums := map[string]bool{}
	for name, target := range targets(t) {
		for range 2 {
			sum, err := jobs.Checksum(target, a, w, target.Features())
			if err != nil || sum == "" {
				t.Errorf("%s: %q, %v", name, sum, err)
			}
			sums[sum] = true
		}
		other := a
		other.Layers = []arch.Layer{{Heads: 4, DInner: 32}}
		if sum, err := jobs.Checksum(target, other, w, target.Features()); err != nil || sums[sum] {
			t.Errorf("%s: other heads compute the same: %q, %v", name, sum, err)
		}
	}
	if len(sums) != 1 {
		t.Errorf("%d checksums of one model", len(sums))
	}
}

// A program's memory is read and written in the child, in pieces.
func TestRemoteMemory(t *testing.T) {
	p, err := process(t, time.Minute).Prepare(module(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	open := p.(generate.Program)
	size := module(t).Memory.TotalBytes
	r := rand.New(rand.NewPCG(1, 2))
	want := make([]byte, 2*mostPiece+5)
	for i := range want {
		want[i] = byte(r.Uint32())
	}
	if n, err := open.WriteAt(want, 3); n != len(want) || err != nil {
		t.Fatalf("wrote %d bytes, %v", n, err)
	}
	got := make([]byte, len(want))
	if n, err := open.ReadAt(got, 3); n != len(want) || err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v; equal %v", n, err, bytes.Equal(got, want))
	}
	for _, at := range []int64{-1, size - 3, size, 1 << 62} {
		if n, err := open.ReadAt(make([]byte, 4), at); err == nil {
			t.Errorf("read %d bytes at %d", n, at)
		}
		if n, err := open.WriteAt(make([]byte, 4), at); err == nil {
			t.Errorf("wrote %d bytes at %d", n, at)
		}
	}
	if err := open.Ready(); err != nil {
		t.Error(err)
	}
}
