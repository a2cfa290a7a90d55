package page

import (
	"strings"

	"github.com/hack-pad/safejs"
)

// watchDrops takes a file that is dropped anywhere on the page. What else is dragged,
// such as a text into a field, is the browser's.
func (p *page) watchDrops() error {
	document, err := safejs.Global().Get("document")
	if err != nil {
		return err
	}
	dragging := false
	drag := func(on bool) {
		if dragging != on { // the browser tells it many times a second
			dragging = on
			p.change(func() { p.store.SetDragging(on) })
		}
	}
	for name, handle := range map[string]func(event safejs.Value){
		"dragover": func(event safejs.Value) {
			if carriesFiles(event) {
				_, _ = event.Call("preventDefault") // or nothing could be dropped
				drag(true)
			}
		},
		"dragleave": func(event safejs.Value) {
			if to, err := event.Get("relatedTarget"); err == nil && to.Type() != safejs.TypeObject {
				drag(false) // it left the window, not only an element
			}
		},
		"drop": func(event safejs.Value) {
			if carriesFiles(event) {
				_, _ = event.Call("preventDefault") // or the browser would open the file
				dragging = false
				p.dropped(event)
			}
		},
	} {
		handler, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
			if len(args) > 0 {
				handle(args[0])
			}
			return nil
		})
		if err != nil {
			return err
		}
		if _, err := document.Call("addEventListener", name, handler); err != nil {
			return err
		}
	}
	return nil
}

// carriesFiles reports whether files are dragged.
func carriesFiles(event safejs.Value) bool {
	transfer, err := event.Get("dataTransfer")
	if err != nil || transfer.Type() != safejs.TypeObject {
		return false
	}
	types, err := transfer.Get("types")
	if err != nil {
		return false
	}
	includes, err := types.Call("includes", "Files")
	if err != nil {
		return false
	}
	is, err := includes.Truthy()
	return is && err == nil
}

// dropped reads the file of a drop, if the store wants it. All that it needs of the
// event it takes before it waits: then the event is over.
func (p *page) dropped(event safejs.Value) {
	file, count, folder, err := dropOf(event)
	p.change(func() {
		if err != nil {
			p.store.SetDragging(false)
			p.store.Fail("what was dropped cannot be read: " + err.Error())
			return
		}
		if !p.store.Drop(count, folder) {
			return
		}
		take := func(file safejs.Value) error { return p.read(file, p.store.ImportFile) }
		if strings.HasSuffix(textOf(file, "name"), ".safetensors") {
			take = p.takeWeights
		}
		if err := take(file); err != nil {
			p.store.Fail("the file cannot be read: " + err.Error())
		}
	})
}

// dropOf returns the first file of a drop, how many there are, and whether there is a
// folder among them.
func dropOf(event safejs.Value) (file safejs.Value, count int, folder bool, err error) {
	transfer, err := event.Get("dataTransfer")
	if err != nil {
		return file, 0, false, err
	}
	items, err := transfer.Get("items")
	if err != nil {
		return file, 0, false, err
	}
	n, err := items.Length()
	if err != nil {
		return file, 0, false, err
	}
	for i := range n {
		item, err := items.Index(i)
		if err != nil {
			return file, 0, false, err
		}
		folder = folder || isFolder(item)
	}
	files, err := transfer.Get("files")
	if err != nil {
		return file, 0, false, err
	}
	if count, err = files.Length(); err != nil || count == 0 {
		return file, count, folder, err
	}
	file, err = files.Index(0)
	return file, count, folder, err
}

// isFolder asks the one way there is; a browser without it fails to read the folder.
func isFolder(item safejs.Value) bool {
	entry, err := item.Call("webkitGetAsEntry")
	if err != nil || entry.Type() != safejs.TypeObject {
		return false
	}
	directory, err := entry.Get("isDirectory")
	if err != nil {
		return false
	}
	is, err := directory.Truthy()
	return is && err == nil
}
