package configs

import (
	"reflect"
	"strings"

	"roomcast/secret"
)

// EnvPrefix begins the name of every environment variable that is read.
const EnvPrefix = "ROOMCAST_"

// Key describes one thing that can be set.
type Key struct {
	// Path is the key in the file, its sections joined with dots: "tls.cert_file".
	Path string
	// Env is the environment variable: "ROOMCAST_TLS_CERT_FILE".
	Env string
	// Flag is the flag without its dashes, "tls-cert-file"; empty for a secret.
	Flag string
	// Doc says in one sentence what the key is for.
	Doc string
	// Bool is true for a key that is true or false.
	Bool bool
	// List is true for a key that takes several values: a sequence in the file,
	// separated by commas elsewhere.
	List bool
	// Secret is true for a key whose value is never shown.
	Secret bool

	kind  string
	index []int
}

// field is the key's place in c.
func (k Key) field(c *Config) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByIndex(k.index)
}

// Keys lists every key, in the order of Config.
func Keys() []Key {
	return keysOf(reflect.TypeFor[Config](), "", nil)
}

func keysOf(t reflect.Type, prefix string, index []int) []Key {
	var keys []Key
	for i := range t.NumField() {
		f := t.Field(i)
		path := prefix + f.Tag.Get("key")
		at := append(append([]int(nil), index...), i)
		isSecret := f.Type == reflect.TypeFor[secret.Text]()
		if f.Type.Kind() == reflect.Struct && !isSecret {
			keys = append(keys, keysOf(f.Type, path+".", at)...)
			continue
		}
		k := Key{
			Path:   path,
			Env:    EnvPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_")),
			Doc:    f.Tag.Get("doc"),
			Bool:   f.Type.Kind() == reflect.Bool,
			List:   f.Type.Kind() == reflect.Slice,
			Secret: isSecret,
			kind:   f.Tag.Get("kind"),
			index:  at,
		}
		if !isSecret {
			k.Flag = strings.NewReplacer(".", "-", "_", "-").Replace(path)
		}
		keys = append(keys, k)
	}
	return keys
}
