// Command page is the program of the page and of its worker. It is one, since both
// contain Go's runtime and most of the search core: a first visit transfers it once.
package main

import (
	"github.com/hack-pad/safejs"

	"litefront/ui/page"
	"litefront/wasm/worker"
)

func main() {
	if document, err := safejs.Global().Get("document"); err == nil && document.Type() == safejs.TypeUndefined {
		worker.Run()
		return
	}
	page.Run()
}
