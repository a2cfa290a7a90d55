//go:build depstmp

package depstmp

import (
	_ "github.com/andybalholm/brotli"
	_ "github.com/chromedp/cdproto/runtime"
	_ "github.com/chromedp/chromedp"
	_ "github.com/evanw/esbuild/pkg/api"
	_ "github.com/hack-pad/go-indexeddb/idb"
	_ "github.com/hack-pad/safejs"
	_ "github.com/vugu/vugu"
	_ "github.com/vugu/vugu/domrender"
	_ "github.com/vugu/vugu/js"
	_ "github.com/vugu/vugu/staticrender"
	_ "github.com/vugu/vugu/vgform"
)
