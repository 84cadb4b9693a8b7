package configs

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
)

// maxFileBytes bounds the configuration file.
const maxFileBytes = 1 << 20

// Sources is where a configuration comes from. Every field may be empty.
type Sources struct {
	// File is the path of the YAML file, empty for none.
	File string
	// Env is the environment as os.Environ gives it. Variables that do not
	// begin with EnvPrefix are not looked at; empty ones count as not set.
	Env []string
	// Flags holds the flags that were given, by Key.Flag.
	Flags map[string]string
}

// Load reads the sources over the defaults and checks the outcome. When the
// configuration is wrong the error is a Faults with everything that is; any
// other error means that the file could not be read.
func Load(s Sources) (Config, error) {
	l := &loader{config: defaults(), keys: Keys(), sources: map[string]string{}}
	if s.File != "" {
		body, err := readFile(s.File)
		if err != nil {
			return Config{}, err
		}
		l.file(s.File, body)
	}
	l.env(s.Env)
	l.flags(s.Flags)
	l.config.resolve()
	l.check()
	if len(l.faults) > 0 {
		return Config{}, l.faults
	}
	return l.config, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open configuration file: %w", err)
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration file %s: %w", path, err)
	}
	if len(body) > maxFileBytes {
		return nil, fmt.Errorf("read configuration file %s: larger than %d bytes", path, maxFileBytes)
	}
	return body, nil
}

// loader gathers values and faults.
type loader struct {
	config  Config
	keys    []Key
	sources map[string]string // by path, where the value in force came from
	faults  Faults
}

// serviceLink matches what Kubernetes puts into the environment when a
// service is called "roomcast": theirs, not mistakes of the operator's.
var serviceLink = regexp.MustCompile(`^ROOMCAST_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$`)

func (l *loader) env(environ []string) {
	names := make([]string, len(l.keys))
	for i, k := range l.keys {
		names[i] = k.Env
	}
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, EnvPrefix) {
			continue
		}
		i := slices.Index(names, name)
		if i < 0 && serviceLink.MatchString(name) {
			continue
		}
		if i < 0 {
			l.faults = append(l.faults, Fault{Path: name, Problem: "is not a variable of ours", Want: suggest(name, names)})
			continue
		}
		if value != "" {
			l.set(l.keys[i], name, l.keys[i].split(value))
		}
	}
}

func (l *loader) flags(flags map[string]string) {
	for _, k := range l.keys {
		if value, given := flags[k.Flag]; given && k.Flag != "" {
			l.set(k, "--"+k.Flag, k.split(value))
		}
	}
}

// split makes a list of a value from the environment or a flag.
func (k Key) split(value string) []string {
	if !k.List {
		return []string{value}
	}
	var values []string
	for v := range strings.SplitSeq(value, ",") {
		if v = strings.TrimSpace(v); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// set writes a value and notes where it came from, or what is wrong with it.
func (l *loader) set(k Key, source string, values []string) {
	l.sources[k.Path] = source
	err := k.set(k.field(&l.config), values)
	if err == nil {
		return
	}
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	for _, err := range errs {
		f := Fault{Path: k.Path, Source: source, Problem: err.Error(), Given: strings.Join(values, ", ")}
		var element *elementFault
		if errors.As(err, &element) {
			f.Given = element.given
		}
		var what *fault
		if errors.As(err, &what) {
			f.Want = what.want
		}
		f.Given = showable(k, f.Given)
		l.faults = append(l.faults, f)
	}
}

// showable is a given value as a fault may show it: no secret, no credentials
// of a URL, and not too long to read.
func showable(k Key, given string) string {
	const longest = 200
	if k.Secret {
		return ""
	}
	if k.kind == "url" && strings.Contains(given, "@") {
		u, err := url.Parse(given)
		if err != nil {
			return ""
		}
		return u.Redacted()
	}
	if len(given) > longest {
		return given[:longest] + "..."
	}
	return given
}

// suggest is the advice for an unknown name.
func suggest(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "remove it; roomcast config print shows the keys there are"
}
