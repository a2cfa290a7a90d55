package measure

import (
	"errors"
	"fmt"
	"slices"

	"litefront/kernels"
	"litefront/kernels/wgsl"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Compile makes of g what an engine of such features runs: a WebAssembly module, or a
// GPU program. Its error wraps [ErrTooLarge] if the adapter is too small.
func Compile(g *graph.Graph, f kernels.Features) (*kernels.Module, error) {
	if f.GPU == nil {
		return kernels.Compile(g, f)
	}
	m, err := wgsl.Compile(g, *f.GPU)
	return m, tooLarge(err)
}

func compileProfile(g *graph.Graph, groups []graph.Group, f kernels.Features) (*kernels.Module, error) {
	if f.GPU == nil {
		return kernels.CompileProfile(g, groups, f)
	}
	m, err := wgsl.CompileProfile(g, groups, *f.GPU)
	return m, tooLarge(err)
}

func tooLarge(err error) error {
	if limit := new(wgsl.LimitError); errors.As(err, &limit) {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return err
}

// fixedPrograms are those of the sentinels for an engine of such features, which so many
// threads run.
func fixedPrograms(f kernels.Features, threads int) (compute, stream *kernels.Module, err error) {
	if f.GPU == nil {
		return kernels.ComputeSentinel(threads), kernels.StreamSentinel(threads), nil
	}
	if compute, err = wgsl.ComputeSentinel(*f.GPU); err != nil {
		return nil, nil, err
	}
	stream, err = wgsl.StreamSentinel(*f.GPU)
	return compute, stream, err
}

// CheckKernels reports why the times of a run on a GPU cannot be, both in nanoseconds:
// what kernels took by the adapter's clock, whose step is given too, is no longer than
// the whole by the program's own, but for the steps of clocks and a fiftieth.
func CheckKernels(kernels, wall, stepNs int64) error {
	if kernels > wall+wall/50+2*stepNs+50_000 {
		return fmt.Errorf("kernels took %d ns by the adapter's clock, and all of it %d", kernels, wall)
	}
	return nil
}

// Precisions lists those that an engine of such features has, the default first.
func Precisions(f kernels.Features) []trial.Precision {
	if f.GPU != nil {
		return trial.GPUPrecisions()
	}
	return trial.Precisions()
}

// CheckWorkload reports why t cannot run w, whatever the candidate: a precision that it
// lacks, or too many threads.
func CheckWorkload(t Target, w trial.Workload) error {
	if has := Precisions(t.Features()); !slices.Contains(has, w.Precision) {
		engine := "WebAssembly"
		if t.Features().GPU != nil {
			engine = "a GPU"
		}
		return fmt.Errorf("workload: precision %q must be one of %q for %s", w.Precision, has, engine)
	}
	return CheckThreads(t, w)
}
