//go:build !windows

package main

import "os"

// showColours has nothing to do: terminals understand colours.
func showColours(*os.File) {}
