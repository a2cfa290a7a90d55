package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// showColours has a console understand the sequences for colours, which older ones
// print as they are until they are told.
func showColours(terminal *os.File) {
	console := windows.Handle(terminal.Fd())
	var mode uint32
	if windows.GetConsoleMode(console, &mode) == nil {
		_ = windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) // what it cannot, it cannot
	}
}
