package runtime

import (
	"context"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"litefront/kernels"
)

const (
	wasmHeader   = "\x00asm\x01\x00\x00\x00"
	exportMemory = "\x07\x0a\x01\x06memory\x02\x00"
)

func TestDeclaredMemory(t *testing.T) {
	for _, m := range []*kernels.Module{module(t), kernels.ComputeSentinel(1), kernels.StreamSentinel(1)} {
		if got, err := declaredMemory(m.Bytes); err != nil || got != m.Memory.TotalBytes {
			t.Errorf("an emitted module declares %d bytes, %v; want %d", got, err, m.Memory.TotalBytes)
		}
	}
	for _, test := range []struct {
		name, module string
		want         int64
		mention      string
	}{
		{"no maximum", wasmHeader + "\x05\x03\x01\x00\x01" + exportMemory, 0, "with a maximum"},
		{"at most 2", wasmHeader + "\x05\x04\x01\x01\x01\x02" + exportMemory, 2 << 16, ""},
		{"at most 300", wasmHeader + "\x05\x05\x01\x01\x00\xac\x02", 300 << 16, ""},
		{"padded numbers", wasmHeader + "\x05\x86\x00\x01\x01\x80\x00\x82\x00", 2 << 16, ""},
		{"the most", wasmHeader + "\x05\x08\x01\x01\x00\xff\xff\xff\xff\x0f", (1<<32 - 1) << 16, ""},
		{"more than 32 bits", wasmHeader + "\x05\x08\x01\x01\x00\xff\xff\xff\xff\x1f", 0, "more than 32 bits"},
		{"longer than 32 bits", wasmHeader + "\x05\x09\x01\x01\x00\x80\x80\x80\x80\x80\x00", 0, "ends too early"},
		{"no memory", wasmHeader, 0, "one memory"},
		{"none in the section", wasmHeader + "\x05\x01\x00", 0, "one memory"},
		{"two memories", wasmHeader + "\x05\x07\x02\x01\x00\x01\x01\x00\x01", 0, "one memory"},
		{"shared", wasmHeader + "\x05\x04\x01\x03\x01\x02", 0, "with a maximum"},
		{"two sections", wasmHeader + "\x05\x04\x01\x01\x01\x02\x05\x04\x01\x01\x01\x03", 0, "section 5 after section 5"},
		{"imports it", wasmHeader + "\x02\x08\x01\x01a\x01b\x02\x00\x01", 0, "section 2"},
		{"a table", wasmHeader + "\x04\x04\x01\x70\x00\x01" + "\x05\x04\x01\x01\x01\x02", 0, "section 4"},
		{"a name", wasmHeader + "\x00\x02\x01a" + "\x05\x04\x01\x01\x01\x02", 0, "section 0"},
		{"ends in a section", wasmHeader + "\x05\x04\x01\x01\x01", 0, "ends too early"},
		{"ends in the memory", wasmHeader + "\x05\x03\x01\x01\x01", 0, "ends too early"},
		{"ends after a section's number", wasmHeader + "\x05", 0, "ends too early"},
		{"nothing", "", 0, "not WebAssembly"},
		{"version 2", "\x00asm\x02\x00\x00\x00", 0, "not WebAssembly"},
	} {
		got, err := declaredMemory([]byte(test.module))
		if got != test.want && err == nil || (err == nil) != (test.mention == "") || err != nil && !strings.Contains(err.Error(), test.mention) {
			t.Errorf("%s: %d bytes, %v; want %d or %q", test.name, got, err, test.want, test.mention)
		}
	}
}

// A module that the engine takes has no more memory than it declares.
func FuzzDeclaredMemory(f *testing.F) {
	f.Add([]byte(wasmHeader + "\x05\x04\x01\x01\x01\x02" + exportMemory))
	f.Add([]byte(wasmHeader + "\x05\x86\x00\x01\x01\x80\x00\x82\x00" + exportMemory))
	f.Add(kernels.ComputeSentinel(1).Bytes)
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	f.Cleanup(func() { rt.Close(ctx) })
	f.Fuzz(func(t *testing.T, module []byte) {
		size, err := declaredMemory(module)
		if err != nil {
			return
		}
		compiled, err := rt.CompileModule(ctx, module)
		if err != nil {
			return
		}
		defer compiled.Close(ctx)
		for _, memory := range compiled.ExportedMemories() {
			if pages, bounded := memory.Max(); !bounded || int64(pages)<<16 != size {
				t.Errorf("at most %d pages, %v; %d bytes were declared", pages, bounded, size)
			}
		}
		if n := len(compiled.ImportedMemories()) + len(compiled.ImportedFunctions()); n > 0 {
			t.Errorf("%d imports", n)
		}
	})
}

// The engine itself takes no module that keeps its memory to itself.
func TestNoMemory(t *testing.T) {
	for name, target := range targets(t) {
		for _, module := range []string{wasmHeader, wasmHeader + "\x05\x04\x01\x01\x01\x02"} {
			_, err := target.Prepare(&kernels.Module{Bytes: []byte(module)})
			if want := `the module exports no "memory"`; err == nil || err.Error() != want {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
		}
	}
}
