package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
)

// offlineScript is the page's service worker, which keeps the page for use without
// its server.
const offlineScript = "sw.js"

// fleetScript is of use with a server alone, and of that server's build.
const fleetScript = "fleet.js"

// keptOffline reports whether the page consists of this file, among others. The
// service worker is kept by the browser itself, and compressed variants are the
// server's.
func keptOffline(name string) bool {
	switch path.Ext(name) {
	case ".css", ".html", ".js", ".png", ".svg", ".wasm", ".webmanifest":
		return name != edgeGuest && name != offlineScript && name != fleetScript
	}
	return false
}

// listOffline writes into the service worker which files the page consists of, each
// with the hash that browsers compare, and a name of the build that changes with any
// of them.
func listOffline(built artefacts) error {
	files, integrity := artefacts{}, map[string]string{}
	for name, content := range built {
		if keptOffline(name) {
			s := sha256.Sum256(content)
			files[name], integrity[name] = content, "sha256-"+base64.StdEncoding.EncodeToString(s[:])
		}
	}
	list, err := json.MarshalIndent(integrity, "", "  ") // sorted by name
	if err != nil {
		return err
	}
	if err := fillIn(built, offlineScript, "const BUILD = '';", fmt.Sprintf("const BUILD = '%.12s';", sum(files.sums()))); err != nil {
		return err
	}
	return fillIn(built, offlineScript, "const FILES = {};", fmt.Sprintf("const FILES = %s;", list))
}
