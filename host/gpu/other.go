//go:build !gpu

package gpu

import "litefront/kernels/measure"

// Open returns ErrBuild: this build has no GPU support.
func Open(string) (measure.Target, error) { return nil, ErrBuild }

// Adapters lists nothing: this build has no GPU support.
func Adapters() ([]string, error) { return nil, ErrBuild }
