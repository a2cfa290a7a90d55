package runtime

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"litefront/searchcore/graph"
)

// The sections that emitted modules have. Others could ask for memory too:
// tables for one.
const (
	sectionType     = 1
	sectionFunction = 3
	sectionMemory   = 5
	sectionExport   = 7
	sectionCode     = 10
)

// declaredMemory is the most memory that a WebAssembly module may ever have, in
// bytes. It refuses modules without a memory, with one that has no maximum, and
// with anything that emitted modules do not have. It says nothing of whether a
// module is valid: that is for the engine.
func declaredMemory(module []byte) (size int64, err error) {
	rest, ok := bytes.CutPrefix(module, []byte("\x00asm\x01\x00\x00\x00"))
	if !ok {
		return 0, errors.New("not WebAssembly of version 1")
	}
	var memory []byte
	for last := byte(0); len(rest) > 0; {
		id := rest[0]
		var length uint32
		if length, rest, err = readU32(rest[1:]); err != nil {
			return 0, err
		}
		switch {
		case uint64(length) > uint64(len(rest)):
			return 0, errTruncated
		case id <= last:
			return 0, fmt.Errorf("section %d after section %d", id, last)
		}
		switch id {
		case sectionType, sectionFunction, sectionExport, sectionCode:
		case sectionMemory:
			memory = rest[:length]
		default:
			return 0, fmt.Errorf("section %d is none that emitted modules have", id)
		}
		last, rest = id, rest[length:]
	}
	return maxMemory(memory)
}

// maxMemory reads the maximum in a memory section.
func maxMemory(section []byte) (size int64, err error) {
	const one, bounded = 1, 1 // how many memories, and that there is a maximum
	if len(section) < 2 || section[0] != one || section[1] != bounded {
		return 0, errors.New("it must have one memory, with a maximum")
	}
	_, section, err = readU32(section[2:]) // the minimum
	if err != nil {
		return 0, err
	}
	pages, _, err := readU32(section)
	return int64(pages) * graph.PageBytes, err
}

var errTruncated = errors.New("it ends too early")

// readU32 reads a number of the binary format from the beginning of b.
func readU32(b []byte) (n uint32, rest []byte, err error) {
	value, length := binary.Uvarint(b[:min(len(b), binary.MaxVarintLen32)])
	switch {
	case length <= 0:
		return 0, nil, errTruncated
	case value > math.MaxUint32:
		return 0, nil, fmt.Errorf("number %d has more than 32 bits", value)
	}
	return uint32(value), b[length:], nil
}
