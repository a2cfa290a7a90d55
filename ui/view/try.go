package view

import (
	"github.com/vugu/vugu"

	"litefront/kernels/search"
	"litefront/ui/store"
)

// Try has the selected candidate generate tokens.
type Try struct {
	Store *store.Store
	Page  Page
}

func (c *Try) set(field string, event vugu.DOMEvent) {
	guard(c.Store, func() { c.Store.SetTry(field, event.PropString("target", "value")) })
}

// invalid is the value of aria-invalid, or nil for none.
func (c *Try) invalid(field string) any {
	if c.Store.Try.Invalid[field] == "" {
		return nil
	}
	return "true"
}

// act runs an action of the store and sends what it asks to send.
func (c *Try) act(action func() (search.Command, bool)) {
	guard(c.Store, func() {
		if command, ok := action(); ok {
			c.Page.Send(command)
		}
	})
}

// submit is the Enter key in a field.
func (c *Try) submit(event vugu.DOMEvent) {
	event.PreventDefault()
	c.generate()
}

// generate takes the user to what is wrong, if something is.
func (c *Try) generate() {
	c.act(c.Store.Generate)
	for _, field := range store.TryFields() {
		if c.Store.Try.Invalid[field] != "" {
			c.Page.Focus("try-" + field)
			return
		}
	}
}

func (c *Try) tokens() string {
	tokens, _ := c.Store.Generated()
	return tokens
}

func (c *Try) lines() []string {
	_, lines := c.Store.Generated()
	return lines
}
