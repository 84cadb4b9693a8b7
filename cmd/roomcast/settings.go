package main

import (
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strconv"

	"roomcast/configs"

	"github.com/alecthomas/kong"
)

// settings is the configuration's place on a command line: --config, and one
// flag for each key that is not a secret.
type settings struct {
	File string `name:"config" short:"c" placeholder:"FILE" help:"Configuration file (YAML). The environment (ROOMCAST_*) goes over it, flags go over both."`
	kong.Plugins
}

// newSettings makes the flags from the configuration's own list of keys.
func newSettings() settings {
	var fields []reflect.StructField
	for i, k := range configs.Keys() {
		if k.Flag == "" {
			continue
		}
		value, placeholder := reflect.TypeFor[*string](), "VALUE"
		if k.Bool {
			value = reflect.TypeFor[*bool]()
		}
		if k.List {
			placeholder = "A,B"
		}
		fields = append(fields, reflect.StructField{
			Name: "Flag" + strconv.Itoa(i),
			Type: value,
			Tag:  reflect.StructTag(fmt.Sprintf("name:%q help:%q placeholder:%q group:%q", k.Flag, k.Doc, placeholder, "Settings:")),
		})
	}
	return settings{Plugins: kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}}
}

// flags gives what was set on the command line, by flag name.
func (s *settings) flags() map[string]string {
	given := map[string]string{}
	flags := reflect.ValueOf(s.Plugins[0]).Elem()
	for i := range flags.NumField() {
		switch value := flags.Field(i).Interface().(type) {
		case *string:
			if value != nil {
				given[flags.Type().Field(i).Tag.Get("name")] = *value
			}
		case *bool:
			if value != nil {
				given[flags.Type().Field(i).Tag.Get("name")] = strconv.FormatBool(*value)
			}
		}
	}
	return given
}

// load reads the configuration that this command line asks for.
func (s *settings) load(p *process) (configs.Config, error) {
	return configs.Load(configs.Sources{File: s.File, Env: p.env, Flags: s.flags()})
}

// configCommand is "roomcast config".
type configCommand struct {
	Print configPrint `cmd:"" help:"Print the configuration in force, secrets redacted; with --example the documented example file."`
	Check configCheck `cmd:"" help:"Say everything that is wrong with the configuration."`
}

// configPrint is "roomcast config print".
type configPrint struct {
	settings
	Example bool `help:"Print the documented example file instead, which holds the defaults."`
}

// Run implements the command.
func (c *configPrint) Run(p *process) error {
	if c.Example {
		_, err := fmt.Fprint(p.stdout, configs.Example)
		return err
	}
	config, err := c.load(p)
	if err != nil {
		return err
	}
	return config.Print(p.stdout)
}

// configCheck is "roomcast config check".
type configCheck struct{ settings }

// Run implements the command. Beyond what the loader checks it looks whether the
// files that the configuration names can be read.
func (c *configCheck) Run(p *process) error {
	config, err := c.load(p)
	if err != nil {
		return err
	}
	var faults configs.Faults
	for _, f := range []struct{ path, file string }{
		{"tls.cert_file", config.TLS.CertFile},
		{"tls.key_file", config.TLS.KeyFile},
		{"tls.acme_ca", config.TLS.ACMECA},
	} {
		if f.file == "" {
			continue
		}
		if _, err := os.ReadFile(f.file); err != nil {
			faults = append(faults, configs.Fault{Path: f.path, Given: f.file, Problem: "cannot be read (" + err.Error() + ")", Want: "name a file that this user can read"})
		}
	}
	if len(faults) > 0 {
		return faults
	}
	_, err = fmt.Fprintln(p.stdout, "The configuration is right.")
	return err
}

// newLogger makes the process's logger as the configuration asks.
func newLogger(p *process, c configs.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // the loader takes only slog's own names
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, options))
	}
	return slog.New(slog.NewTextHandler(p.stderr, options))
}
