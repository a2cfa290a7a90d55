// Package gpu runs GPU programs (package wgsl) natively, through wgpu: on Vulkan, Metal
// or Direct3D 12. It needs cgo and is part of a program only with the build tag gpu;
// without it, [Open] says so.
package gpu

import (
	"errors"
	"math"
)

// ErrBuild is returned by Open of a program that was built without the tag gpu.
var ErrBuild = errors.New("this program was built without GPU support; `make gpu` builds one that has it")

// period is how many nanoseconds a tick of the adapter's clock takes, given how many
// ticks passed in a time: what adapters do is a nanosecond or a round fraction, so that
// within a hundredth of one it is one.
func period(ns, ticks float64) (float64, error) {
	p := ns / ticks
	if !(p > 1e-3 && p < 1e4) {
		return 0, errors.New("the adapter's clock does not advance")
	}
	if math.Abs(p-1) < 0.01 {
		return 1, nil
	}
	return p, nil
}
