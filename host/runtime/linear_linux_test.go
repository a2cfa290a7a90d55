package runtime

import (
	"strings"
	"testing"
	"unsafe"
)

func TestLinearMemory(t *testing.T) {
	const size = 3*hugePage + 4096
	m, err := newLinearMemory(size)
	if err != nil {
		t.Fatal(err)
	}
	memory := m.Reallocate(size)
	if len(memory) != size || cap(memory) != size {
		t.Errorf("memory of %d bytes, capacity %d; want %d", len(memory), cap(memory), size)
	}
	if address := uintptr(unsafe.Pointer(unsafe.SliceData(memory))); address%hugePage != 0 {
		t.Errorf("the memory begins at %#x, not with a large page", address)
	}
	for i, b := range memory {
		if b != 0 {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
	memory[size-1] = 1
	if m.Reallocate(size+1) != nil {
		t.Error("the memory grows")
	}
	m.unmap()
	m.unmap()
	if _, err := newLinearMemory(1 << 50); err == nil || !strings.HasPrefix(err.Error(), "memory of 1125899906842624 bytes: ") {
		t.Errorf("a memory that no system has gives %v", err)
	}
}
