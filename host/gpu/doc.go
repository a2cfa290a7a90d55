// Package gpu runs GPU programs (package wgsl) natively, through wgpu: on Vulkan, Metal
// or Direct3D 12. It needs cgo and is part of a program only with the build tag gpu;
// without it, [Open] says so.
package gpu

import "errors"

// ErrBuild is returned by Open of a program that was built without the tag gpu.
var ErrBuild = errors.New("this program was built without GPU support; `make gpu` builds one that has it")

// period is how many nanoseconds a tick of the adapter's clock takes, given that ticks
// passed in a time between least and most nanoseconds. It is one where it may be one, as
// it is in most adapters. sharp says that the time is known to a hundredth, or does not
// matter.
func period(least, most, ticks float64) (ns float64, sharp bool, err error) {
	p := (least + most) / 2 / ticks
	switch {
	case !(p > 1e-3 && p < 1e4):
		return 0, false, errors.New("the adapter's clock does not advance")
	case least <= ticks && ticks <= most:
		p = 1
	}
	return p, most-least < 0.01*most, nil
}
