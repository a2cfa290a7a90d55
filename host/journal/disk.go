package journal

import "os"

// diskCalls are the calls that decide what a crash leaves behind.
type diskCalls struct {
	write  func(f *os.File, b []byte) (int, error)
	sync   func(f *os.File) error
	rename func(from, to string) error
}

// disk is a variable so that tests can make a call fail, or end the process
// before, in the middle of or after it.
var disk = diskCalls{(*os.File).Write, (*os.File).Sync, os.Rename}
