package browser

import (
	"errors"
	"strings"

	"litefront/kernels"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/trial"
)

// ErrNoSIMD says that a browser cannot run any candidate.
var ErrNoSIMD = errors.New("this browser's WebAssembly has no SIMD, which every candidate needs; use a newer browser")

// Features finds out what a browser's WebAssembly offers, from which modules it
// accepts as valid. It returns [ErrNoSIMD] if that is not enough.
func Features(valid func(module []byte) bool) (kernels.Features, error) {
	ones := wasmasm.SplatF32(1)
	if !accepts(valid, ones) {
		return kernels.Features{}, ErrNoSIMD
	}
	return kernels.Features{RelaxedSIMD: accepts(valid, ones.F32x4RelaxedMadd(ones, ones))}, nil
}

// RelaxedDot reports whether int8 products by the dot instruction pay on this
// device, in a browser with the features f: in V8 on arm64, which has one for it. On
// x86 it is several, and slower than what every browser has.
func RelaxedDot(f kernels.Features, d trial.Device) bool {
	return f.RelaxedSIMD && d.Arch == "arm64" && strings.HasPrefix(d.Engine, "V8 ")
}

// accepts reports whether a module that computes x is valid.
func accepts(valid func([]byte) bool, x wasmasm.V128) bool {
	m := wasmasm.NewModule()
	m.Memory(1, 1)
	m.Func("probe").Drop(x)
	module, err := m.Bytes()
	return err == nil && valid(module)
}
