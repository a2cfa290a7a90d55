package runtime

import (
	"fmt"
	"syscall"
	"unsafe"
)

// hugePage is the size of the large pages of amd64 and of most arm64 systems.
const hugePage = 2 << 20

// linearMemory is a module's memory in large pages, where the system has them: each
// token reads all the weights, and it takes several per cent less time when fewer
// addresses are translated.
type linearMemory struct {
	mapping []byte // as the system knows it
	memory  []byte // what of it begins with a large page
}

// newLinearMemory maps size bytes of zeroes, which take no room before they are
// touched. It is an error if the system refuses.
func newLinearMemory(size int64) (*linearMemory, error) {
	mapping, err := syscall.Mmap(-1, 0, int(size+hugePage), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("memory of %d bytes: %w", size, err)
	}
	start := int64(-uintptr(unsafe.Pointer(unsafe.SliceData(mapping))) % hugePage)
	m := &linearMemory{mapping, mapping[start : start+size : start+size]}
	_ = syscall.Madvise(m.memory, syscall.MADV_HUGEPAGE) // small pages will do
	return m, nil
}

// unmap gives the memory back, whose modules are closed.
func (m *linearMemory) unmap() {
	_ = syscall.Munmap(m.mapping) // it is one of ours
	m.mapping, m.memory = nil, nil
}
