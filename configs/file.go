package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file reads the YAML file's keys. Values are taken from the parsed tree one by
// one, so that every fault is found and each has its line.
func (l *loader) file(name string, body []byte) {
	name = filepath.Base(name)
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if !errors.Is(err, io.EOF) {
			l.faults = append(l.faults, syntaxFault(name, err))
		}
		return
	}
	var second yaml.Node
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		l.faults = append(l.faults, Fault{Path: name, Problem: "holds more than one document", Want: "keep one, without a line of ---"})
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return
	}
	l.section(name, "", root)
}

// quoted finds what a YAML error cites from the file: it may be a secret.
var quoted = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`")

func syntaxFault(name string, err error) Fault {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	return Fault{Path: name, Problem: "is not YAML", Want: quoted.ReplaceAllString(text, "...")}
}

// section reads the mapping of one section, "" for the outermost.
func (l *loader) section(name, prefix string, node *yaml.Node) {
	if node.Kind != yaml.MappingNode {
		path := strings.TrimSuffix(prefix, ".")
		if path == "" {
			path = name
		}
		l.faults = append(l.faults, Fault{Path: path, Source: line(name, node), Problem: "is not a section", Want: "write its keys below it, each as key: value"})
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		path := prefix + key.Value
		if seen[key.Value] {
			l.faults = append(l.faults, Fault{Path: path, Source: line(name, key), Problem: "stands there twice", Want: "keep one"})
			continue
		}
		seen[key.Value] = true
		l.entry(name, path, key, value)
	}
}

// entry reads one key of the file, which may be a section.
func (l *loader) entry(name, path string, key, value *yaml.Node) {
	if k := slices.IndexFunc(l.keys, func(k Key) bool { return k.Path == path }); k >= 0 {
		l.value(name, l.keys[k], value)
		return
	}
	var known []string
	for _, k := range l.keys {
		if strings.HasPrefix(k.Path, path+".") {
			if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
				return // a section with every key commented out
			}
			l.section(name, path+".", value)
			return
		}
		known = append(known, k.Path)
	}
	l.faults = append(l.faults, Fault{Path: path, Source: line(name, key), Problem: "is not a key of ours", Want: suggest(path, known)})
}

// value reads one key's value. A null leaves the default, as if the key were absent.
func (l *loader) value(name string, k Key, node *yaml.Node) {
	source := line(name, node)
	wrong := func(problem, want string) {
		l.faults = append(l.faults, Fault{Path: k.Path, Source: source, Problem: problem, Want: want})
	}
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return
	case node.Kind == yaml.ScalarNode && k.List:
		wrong("is not a list", `write ["one", "two"], or each on its own line after a dash`)
	case node.Kind == yaml.ScalarNode:
		l.set(k, source, []string{node.Value})
	case node.Kind == yaml.SequenceNode && k.List:
		values := make([]string, 0, len(node.Content))
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				wrong("holds something that is not a single value", "write a list of single values")
				return
			}
			values = append(values, item.Value)
		}
		l.set(k, source, values)
	case node.Kind == yaml.AliasNode:
		wrong("is a YAML alias", "write the value itself")
	default:
		wrong("is not a single value", "write one value after the colon")
	}
}

func line(name string, node *yaml.Node) string {
	return fmt.Sprintf("%s line %d", name, node.Line)
}
