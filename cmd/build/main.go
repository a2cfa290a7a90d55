// Command build makes what the program embeds and browsers load, in
// host/web/dist: the page, its worker and the edge guest as WebAssembly, the
// bundled scripts, the static files of ui/static, icons, smaller variants of all that browsers
// fetch, and SHA256SUMS. It also writes the Go code of the *.vugu files. Equal
// sources and tools give equal bytes, wherever and whenever it runs.
//
// With -check it builds nothing: it fails if that Go code is not what the *.vugu
// files say. With -release it also builds the program, which embeds all this, for each
// platform, in bin/release.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "build nothing; fail if generated Go code is stale")
	releases := flag.Bool("release", false, "also build the program for all platforms, in bin/release")
	flag.Parse()
	if err := run(*check, *releases, flag.Args()); err != nil {
		// A compiler's complaint keeps its lines.
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(check, releases bool, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	if check && releases {
		return errors.New("-check builds nothing, and -release builds")
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	generated, err := generate(root)
	if err != nil {
		return err
	}
	if check {
		return generated.check(root)
	}
	if err := generated.write(root); err != nil {
		return err
	}
	dist := filepath.Join(root, "host", "web", "dist")
	built, err := build(root, dist)
	if err != nil {
		return err
	}
	if err := built.write(dist); err != nil {
		return err
	}
	if err := table(os.Stdout, built); err != nil || !releases {
		return err
	}
	binaries, err := release(root, filepath.Join(root, releaseDir))
	if err != nil {
		return err
	}
	return binaryTable(os.Stdout, binaries)
}

// build makes every artefact. Compressed variants are taken from the folder
// before, an earlier result, where their source has not changed.
func build(root, before string) (artefacts, error) {
	built := artefacts{}
	for _, step := range []func(root string, built artefacts) error{copyStatic, drawIcons, compileWasm, bundleScripts, collectLicenses} {
		if err := step(root, built); err != nil {
			return nil, err
		}
	}
	if err := stamp(built); err != nil {
		return nil, err
	}
	if err := listOffline(built); err != nil { // last of all that changes a file
		return nil, err
	}
	if err := compress(built, before); err != nil {
		return nil, err
	}
	built[sumsName] = built.sums()
	return built, nil
}

// moduleRoot is the folder of the module's go.mod, whose code this is.
func moduleRoot() (string, error) {
	out, err := goTool("", nil, "list", "-m", "-f", "{{.Dir}}")
	root := strings.TrimSpace(string(out))
	if err == nil && root == "" {
		err = errors.New("no go.mod in this folder or above it")
	}
	return root, err
}
