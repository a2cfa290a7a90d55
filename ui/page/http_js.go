package page

import (
	"context"
	"fmt"
	"time"

	"github.com/hack-pad/safejs"
)

// Statuses of HTTP. Package net/http has them, and would make the page much larger.
const (
	statusOK  = 200
	noContent = 204
	notFound  = 404
	timedOut  = 408
	tooMany   = 429
)

// answer is what the page's server says.
type answer struct {
	status int
	text   string
}

// serverPatience is how long the page's server may take for an answer.
const serverPatience = time.Minute

// ask sends a request to the page's server and waits for the answer, of at most limit
// bytes, until ctx ends. Headers are pairs of name and value.
func ask(ctx context.Context, method, path, body string, limit int, headers ...string) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	constructor, err := safejs.Global().Get("AbortController")
	if err != nil {
		return a, err
	}
	controller, err := constructor.New()
	if err != nil {
		return a, err
	}
	signal, err := controller.Get("signal")
	if err != nil {
		return a, err
	}
	defer context.AfterFunc(ctx, func() { _, _ = controller.Call("abort") })() // never throws
	options := map[string]any{"method": method, "cache": "no-store", "credentials": "omit", "redirect": "error", "signal": signal}
	if method != "GET" {
		options["body"] = body
	}
	if len(headers) > 0 {
		list := map[string]any{}
		for i := 0; i+1 < len(headers); i += 2 {
			list[headers[i]] = headers[i+1]
		}
		options["headers"] = list
	}
	response, err := awaited(safejs.Global().Call("fetch", path, options))
	if err != nil {
		return a, err
	}
	status, err := response.Get("status")
	if err != nil {
		return a, err
	}
	if a.status, err = status.Int(); err != nil {
		return a, err
	}
	text, err := awaited(response.Call("text"))
	if err != nil {
		return a, err
	}
	object, err := safejs.Global().Call("Object", text) // only objects have a length to Go
	if err != nil {
		return a, err
	}
	if n, err := object.Length(); err != nil || n > limit {
		return a, fmt.Errorf("the answer has %d characters; at most %d are allowed", n, limit)
	}
	a.text, err = text.String()
	return a, err
}
