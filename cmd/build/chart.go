package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// bundleChart adds the chart's script.
func bundleChart(root string, built artefacts) error {
	dir := filepath.Join(root, "ui", "chart")
	if err := installPackages(dir); err != nil {
		return err
	}
	var err error
	built["chart.js"], err = bundle(dir)
	return err
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

func bundle(dir string) ([]byte, error) {
	result := api.Build(api.BuildOptions{
		AbsWorkingDir:     dir,
		EntryPoints:       []string{"src/index.js"},
		Bundle:            true,
		Format:            api.FormatIIFE,
		GlobalName:        "litefrontChart",
		Target:            api.ES2020,
		TreeShaking:       api.TreeShakingTrue,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Define:            map[string]string{"process.env.NODE_ENV": `"production"`},
		LegalComments:     api.LegalCommentsNone, // all in LICENSES
		Banner:            map[string]string{"js": "/*! Contains Apache ECharts and what it needs; see LICENSES. */"},
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
