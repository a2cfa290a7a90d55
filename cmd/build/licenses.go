package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// licensePatterns are what packages call the files that must go along with them.
var licensePatterns = []string{"LICEN[CS]E*", "COPYING*", "NOTICE*", "licenses/*", "THIRD_PARTY_LICENSES/*"}

// collectLicenses adds the license texts of everything in the artefacts: Go, the
// modules in the programs, and the packages in the scripts, each text under its
// file's name.
func collectLicenses(root string, built artefacts) error {
	folders, err := goFolders(root)
	if err != nil {
		return err
	}
	for _, s := range scripts {
		packages, err := npmFolders(filepath.Join(root, "ui", s.dir, "node_modules"))
		if err != nil {
			return err
		}
		folders = append(folders, packages...)
	}
	built["LICENSES"], err = licenses(folders)
	return err
}

// folder holds a dependency.
type folder struct{ name, dir string }

// goFolders are Go's own and those of the modules in the programs, by name.
func goFolders(root string) ([]folder, error) {
	goroot, err := goTool(root, nil, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	var modules []folder
	for _, p := range programs {
		list, err := goTool(root, wasmEnv(p.system), "list", "-deps", "-f",
			"{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", p.pkg)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(list)) {
			name, dir, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			if f := (folder{name, dir}); ok && !slices.Contains(modules, f) {
				modules = append(modules, f)
			}
		}
	}
	slices.SortFunc(modules, func(a, b folder) int { return strings.Compare(a.name, b.name) })
	return append([]folder{{"go", strings.TrimSpace(string(goroot))}}, modules...), nil
}

// npmFolders are those of the packages in node_modules, by name. Those of a scope are
// in a folder of its name.
func npmFolders(modules string) ([]folder, error) {
	var folders []folder
	for _, pattern := range []string{"[^.@]*", "@*/*"} {
		dirs, err := filepath.Glob(filepath.Join(modules, pattern))
		if err != nil {
			return nil, err
		}
		for _, dir := range dirs {
			name, err := filepath.Rel(modules, dir)
			if err != nil {
				return nil, err
			}
			folders = append(folders, folder{filepath.ToSlash(name), dir})
		}
	}
	return folders, nil
}

// licenses joins the license texts in folders. None may be without.
func licenses(folders []folder) ([]byte, error) {
	var b bytes.Buffer
	for _, f := range folders {
		found := false
		for _, pattern := range licensePatterns {
			names, err := filepath.Glob(filepath.Join(f.dir, filepath.FromSlash(pattern)))
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				info, err := os.Stat(name)
				if err != nil {
					return nil, err
				}
				if info.IsDir() {
					continue
				}
				text, err := os.ReadFile(name)
				if err != nil {
					return nil, err
				}
				rel, err := filepath.Rel(f.dir, name)
				if err != nil {
					return nil, err
				}
				found = true
				fmt.Fprintf(&b, "== %s\n\n%s\n\n", path.Join(f.name, filepath.ToSlash(rel)), bytes.TrimSpace(text))
			}
		}
		if !found {
			return nil, fmt.Errorf("no license text of %s in %s", f.name, f.dir)
		}
	}
	return b.Bytes(), nil
}
