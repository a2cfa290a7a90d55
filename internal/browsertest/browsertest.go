//go:build !js && !wasip1

// Package browsertest starts headless Chromium for tests.
package browsertest

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"litefront/internal/browser"
)

// Required is the environment variable that makes a missing Chromium fail tests
// instead of skipping them. `make test` sets it.
const Required = "LITEFRONT_REQUIRE_CHROMIUM"

// Patience ends a test whose browser hangs; it is for a machine with much to do.
const Patience = 30 * time.Minute

// New starts a browser with a fresh profile and returns the context of a tab,
// which ends with the test, or after its patience. Whatever the tab's pages write to the
// console as an error, or throw without catching, fails the test, but for errors of the
// browser with a text that the test expects.
func New(t testing.TB, expected ...string) context.Context {
	t.Helper()
	return NewWith(t, nil, expected...)
}

// NewWith is New for a browser with more flags, by their names without dashes.
func NewWith(t testing.TB, flags map[string]string, expected ...string) context.Context {
	t.Helper()
	options, err := browser.Options()
	for name, value := range flags {
		options = append(options, chromedp.Flag(name, value))
	}
	if err != nil && os.Getenv(Required) != "" {
		t.Fatal(err)
	} else if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	err = chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("the page threw: %v", e.ExceptionDetails)
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError {
				for _, arg := range e.Args {
					t.Errorf("console error: %s %s", arg.Value, arg.Description)
				}
			}
		case *log.EventEntryAdded:
			provoked := slices.ContainsFunc(expected, func(text string) bool { return strings.Contains(e.Entry.Text, text) })
			if e.Entry.Level == log.EntryLevelError && !provoked {
				t.Errorf("browser error: %s (%s)", e.Entry.Text, e.Entry.URL)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// Eval evaluates a JavaScript expression, awaiting a promise.
func Eval[T any](t testing.TB, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}
