// Package configs is the process's configuration: one typed struct, its
// defaults, its documented example file, and the loader that fills it.
//
// Values come, each over the one before, from the defaults, the file given by
// --config, the environment (ROOMCAST_*) and the flags. The loader collects
// every fault before it answers, so that an operator mends a configuration in
// one go; each fault names the key's path, where the value came from, what it
// was and what would be right. Secrets are never shown, and have no flag.
//
// The package decides nothing about how a value is used and opens nothing but
// the configuration file: addresses are listened on, directories made and
// certificates read by those who need them. A change of configuration takes a
// restart.
//
//	file ─┐
//	env  ─┼─> Load ─> Config (checked, complete) ─> cmd/roomcast
//	flags ┘
package configs
