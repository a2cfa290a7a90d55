package page

import (
	"fmt"
	"path"
	"strings"
	"unicode"

	"github.com/hack-pad/safejs"

	"litefront/kernels/search"
	"litefront/ui/store"
)

// download hands a journal to the user as a file.
func (p *page) download(journal string) {
	if err := downloadText(journal, "application/x-ndjson", fileName(p.store, "jsonl")); err != nil {
		p.store.Fail("the journal cannot be saved: " + err.Error())
	}
}

// downloadFile hands a file that the worker made to the user. Files of models keep
// the names that other programs look for; reports get the study's.
func (p *page) downloadFile(blob safejs.Value, name string) {
	switch name {
	case search.TrialsFile, search.StudyFile:
		name = fileName(p.store, strings.TrimPrefix(path.Ext(name), "."))
	}
	if err := downloadBlob(blob, name); err != nil {
		p.store.Fail(name + " cannot be saved: " + err.Error())
	}
}

func downloadText(text, mediaType, name string) error {
	blobType, err := safejs.Global().Get("Blob")
	if err != nil {
		return err
	}
	blob, err := blobType.New([]any{text}, map[string]any{"type": mediaType})
	if err != nil {
		return err
	}
	return downloadBlob(blob, name)
}

func downloadBlob(blob safejs.Value, name string) error {
	urls, err := safejs.Global().Get("URL")
	if err != nil {
		return err
	}
	url, err := urls.Call("createObjectURL", blob)
	if err != nil {
		return err
	}
	if err := save(url, name); err != nil {
		return err
	}
	// The browser reads the file after the click; a minute is ample.
	var revoke safejs.Func
	revoke, err = safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		_, _ = urls.Call("revokeObjectURL", url)
		revoke.Release()
		return nil
	})
	if err != nil {
		return err
	}
	_, err = safejs.Global().Call("setTimeout", revoke, 60_000)
	return err
}

// save has the browser keep what an address leads to as a file.
func save(url safejs.Value, name string) error {
	document, err := safejs.Global().Get("document")
	if err != nil {
		return err
	}
	link, err := document.Call("createElement", "a")
	if err != nil {
		return err
	}
	if err := link.Set("href", url); err != nil {
		return err
	}
	if err := link.Set("download", name); err != nil {
		return err
	}
	_, err = link.Call("click")
	return err
}

// SavePlot hands the chart to the user as a file, "png" or "svg".
func (p *page) SavePlot(extension string) {
	image, err := p.chart.library.Call(extension, p.chart.handle)
	switch {
	case err != nil:
	case extension == "svg":
		var text string
		if text, err = image.String(); err == nil {
			err = downloadText(text, "image/svg+xml", fileName(p.store, extension))
		}
	default:
		err = save(image, fileName(p.store, extension))
	}
	if err != nil {
		p.store.Fail("the plot cannot be saved: " + err.Error())
	}
}

// fileName makes a file's name of the study's.
func fileName(s *store.Store, extension string) string {
	name := "study"
	if s.Study != nil {
		name = s.Study.Study
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, name)
	return "litefront-" + name + "." + extension
}

// ImportFile reads the file chosen to import and hands it to the store.
func (p *page) ImportFile() { p.readChosen("import", p.store.ImportFile) }

// OverlayFile reads the file chosen to overlay and hands it to the store.
func (p *page) OverlayFile() {
	p.readChosen("overlay", func(_, text string) (search.Command, bool) { return p.store.Overlay(text) })
}

// ChooseWeights takes the chosen file as the weights to generate with. It is read when
// it is needed, by the worker.
func (p *page) ChooseWeights() {
	if err := chosen("weights", p.takeWeights); err != nil {
		p.store.Fail("the file cannot be taken: " + err.Error())
	}
}

func (p *page) takeWeights(file safejs.Value) error {
	size, err := file.Get("size")
	if err != nil {
		return err
	}
	n, err := size.Float()
	if err == nil && p.store.SetWeights(textOf(file, "name"), int64(n)) {
		p.weights = file
	}
	return err
}

// action is what the store does with the name and the text of a file, and what to send
// then.
type action func(name, text string) (search.Command, bool)

// readChosen reads the file that was chosen in an element and has the store act on it.
func (p *page) readChosen(id string, act action) {
	if err := chosen(id, func(file safejs.Value) error { return p.read(file, act) }); err != nil {
		p.store.Fail("the file cannot be read: " + err.Error())
	}
}

// chosen hands on the file that was chosen in an element, if one was.
func chosen(id string, take func(file safejs.Value) error) error {
	input, err := element(id)
	if err != nil {
		return err
	}
	files, err := input.Get("files")
	if err != nil {
		return err
	}
	if n, err := files.Length(); err != nil || n == 0 {
		return err
	}
	file, err := files.Index(0)
	if err != nil {
		return err
	}
	if err := take(file); err != nil {
		return err
	}
	return input.Set("value", "") // so that the same file can be chosen again
}

// read has the store act on the text of a file.
func (p *page) read(file safejs.Value, act action) error {
	size, err := file.Get("size")
	if err != nil {
		return err
	}
	if n, err := size.Float(); err != nil || n > store.MaxJournal {
		return fmt.Errorf("it has %.0f bytes; the limit is %d", n, store.MaxJournal)
	}
	text, err := file.Call("text")
	if err != nil {
		return err
	}
	name := textOf(file, "name")
	took := func(text string) {
		p.change(func() {
			if command, ok := act(name, text); ok {
				p.Send(command)
			}
		})
	}
	return then(text, took, func(reason string) {
		p.change(func() { p.store.Fail("the file cannot be read: " + reason) })
	})
}

// persist asks the browser not to discard what it stores for this page when it
// runs short of room. It may refuse, and some browsers cannot be asked.
func persist() {
	navigator, err := safejs.Global().Get("navigator")
	if err != nil {
		return
	}
	storage, err := navigator.Get("storage")
	if err != nil || storage.Type() != safejs.TypeObject {
		return
	}
	promise, err := storage.Call("persist")
	if err != nil {
		return
	}
	ignore := func(string) {}
	_ = then(promise, ignore, ignore)
}

// then calls one of the two with what a promise of a text comes to.
func then(promise safejs.Value, resolved, rejected func(string)) error {
	var handlers [2]safejs.Func
	for i, handle := range []func(string){resolved, rejected} {
		var err error
		handlers[i], err = safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
			text := ""
			if len(args) > 0 {
				if converted, err := safejs.Global().Call("String", args[0]); err == nil {
					text, _ = converted.String()
				}
			}
			handle(text)
			for _, h := range handlers {
				h.Release()
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	_, err := promise.Call("then", handlers[0], handlers[1])
	return err
}
