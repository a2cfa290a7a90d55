package browser_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"litefront/kernels"
	"litefront/searchcore/trial"
	"litefront/wasm/worker/internal/browser"
)

// An independent validator, told what it supports, plays the browser.
func TestFeatures(t *testing.T) {
	for _, test := range []struct {
		name  string
		flags []string
		want  kernels.Features
		err   error
	}{
		{"relaxed SIMD", []string{"--enable-relaxed-simd"}, kernels.Features{RelaxedSIMD: true}, nil},
		{"SIMD", nil, kernels.Features{}, nil},
		{"no SIMD", []string{"--disable-simd"}, kernels.Features{}, browser.ErrNoSIMD},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := browser.Features(func(module []byte) bool {
				file := filepath.Join(t.TempDir(), "probe.wasm")
				if err := os.WriteFile(file, module, 0o644); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command("wasm-validate", append(test.flags, file)...)
				if cmd.Err != nil {
					t.Fatalf("wasm-validate (Debian's wabt, installed by make test): %v", cmd.Err)
				}
				return cmd.Run() == nil
			})
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("got %+v, %v; want %+v, %v", got, err, test.want, test.err)
			}
		})
	}
}

func TestRelaxedDot(t *testing.T) {
	relaxed := kernels.Features{RelaxedSIMD: true}
	for _, c := range []struct {
		f            kernels.Features
		arch, engine string
		want         bool
	}{
		{relaxed, "arm64", "V8 (Chrome 140)", true},
		{kernels.Features{}, "arm64", "V8 (Chrome 140)", false},
		{relaxed, "amd64", "V8 (Chrome 140)", false},
		{relaxed, "", "V8 (Chrome 140)", false},
		{relaxed, "arm64", "SpiderMonkey (Firefox 145)", false},
	} {
		if got := browser.RelaxedDot(c.f, trial.Device{Arch: c.arch, Engine: c.engine}); got != c.want {
			t.Errorf("%+v on %s in %s: %v", c.f, c.arch, c.engine, got)
		}
	}
}

// A probe that is broken must not pass for a feature.
func TestFeaturesRefused(t *testing.T) {
	if f, err := browser.Features(func([]byte) bool { return false }); f != (kernels.Features{}) || !errors.Is(err, browser.ErrNoSIMD) {
		t.Errorf("got %+v, %v", f, err)
	}
}
