package runtime

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/tetratelabs/wazero"
	"golang.org/x/sys/cpu"
)

// CheckCompiler says in one line why wazero cannot compile on this machine. It would
// interpret then, and what an interpreter takes says nothing of what a device can do.
func CheckCompiler() error {
	var missing error
	if runtime.GOARCH == "amd64" && !cpu.X86.HasSSE41 { // wazero's compiler takes it for granted
		missing = errors.New("SSE 4.1")
	}
	return checkCompiler(missing, func() error {
		ctx := context.Background()
		return wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler()).Close(ctx)
	})
}

// checkCompiler is CheckCompiler for a CPU that lacks something, or nothing, and a start
// of the compiler, which panics where there is none or where it may not write code.
func checkCompiler(missing error, start func() error) (err error) {
	fail := func(why any) error {
		return fmt.Errorf("engine: wazero has no compiler for %s/%s here (%v), and timings of its interpreter mean nothing", runtime.GOOS, runtime.GOARCH, why)
	}
	if missing != nil {
		return fail(fmt.Sprintf("the CPU lacks %v", missing))
	}
	defer func() {
		if r := recover(); r != nil {
			err = fail(r)
		}
	}()
	return start()
}

// hasAtomics reports whether wazero's compiler can make code for several threads. On
// arm64 it uses instructions that came with ARMv8.1, which boards such as the Raspberry
// Pi 3 and 4 lack. Elsewhere than on Linux no such CPU is known.
func hasAtomics() bool {
	return runtime.GOARCH != "arm64" || runtime.GOOS != "linux" || cpu.ARM64.HasATOMICS
}
