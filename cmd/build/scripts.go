package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// scripts are bundled, each with the packages that it needs, from folders of ui.
var scripts = []struct{ artefact, dir, global, banner string }{
	{"chart.js", "chart", "litefrontChart", "Apache ECharts"},
	{fleetScript, "fleet", "litefrontFleet", "the NATS client"},
}

// bundleScripts adds them.
func bundleScripts(root string, built artefacts) error {
	for _, s := range scripts {
		dir := filepath.Join(root, "ui", s.dir)
		if err := installPackages(dir); err != nil {
			return err
		}
		var err error
		if built[s.artefact], err = bundle(dir, s.global, s.banner); err != nil {
			return err
		}
	}
	return nil
}

// installPackages makes node_modules what the lock file says. npm leaves a list
// of what it installed, which is as new as the installation.
func installPackages(dir string) error {
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	installed, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	if err == nil && !installed.ModTime().Before(lock.ModTime()) {
		return nil
	}
	_, err = command(dir, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	return err
}

// bundle makes one script of those in dir, whose exports become a global.
func bundle(dir, global, contains string) ([]byte, error) {
	result := api.Build(api.BuildOptions{
		AbsWorkingDir:     dir,
		EntryPoints:       []string{"src/index.js"},
		Bundle:            true,
		Format:            api.FormatIIFE,
		GlobalName:        global,
		Target:            api.ES2020,
		TreeShaking:       api.TreeShakingTrue,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Define:            map[string]string{"process.env.NODE_ENV": `"production"`},
		LegalComments:     api.LegalCommentsNone, // all in LICENSES
		Banner:            map[string]string{"js": "/*! Contains " + contains + " and what it needs; see LICENSES. */"},
	})
	if len(result.Errors) > 0 {
		e := result.Errors[0]
		if e.Location != nil {
			return nil, fmt.Errorf("%s:%d: %s", filepath.Join(dir, e.Location.File), e.Location.Line, e.Text)
		}
		return nil, errors.New(e.Text)
	}
	return result.OutputFiles[0].Contents, nil
}
