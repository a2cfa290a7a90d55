// Package filelock opens files for one process at a time. The lock ends with the
// process, however that ends.
package filelock

import "errors"

// ErrInUse says that another holds the file.
var ErrInUse = errors.New("another process is using it")
