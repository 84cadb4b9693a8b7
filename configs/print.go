package configs

import (
	_ "embed"
	"fmt"
	"io"
	"reflect"
	"strings"

	"roomcast/secret"

	"go.yaml.in/yaml/v3"
)

// Example is the documented example file. It loads to exactly the defaults.
//
//go:embed roomcast.example.yaml
var Example string

// Print writes the configuration as a YAML file that Load reads, secrets
// redacted and left as comments.
func (c Config) Print(w io.Writer) error {
	return printSection(w, reflect.ValueOf(c), "")
}

func printSection(w io.Writer, section reflect.Value, indent string) error {
	for i := range section.NumField() {
		key, field := section.Type().Field(i).Tag.Get("key"), section.Field(i)
		text, isSecret := field.Interface().(secret.Text)
		var err error
		switch {
		case isSecret && text.IsZero():
			_, err = fmt.Fprintf(w, "%s%s: null\n", indent, key)
		case isSecret:
			_, err = fmt.Fprintf(w, "%s# %s: %s\n", indent, key, text)
		case field.Kind() == reflect.Struct:
			if _, err = fmt.Fprintf(w, "%s%s:\n", indent, key); err == nil {
				err = printSection(w, field, indent+"  ")
			}
		default:
			err = printValue(w, indent+key, field)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func printValue(w io.Writer, key string, field reflect.Value) error {
	if field.Kind() == reflect.Slice && field.IsNil() {
		_, err := fmt.Fprintf(w, "%s: []\n", key)
		return err
	}
	if field.Kind() == reflect.String && field.Len() == 0 {
		_, err := fmt.Fprintf(w, "%s: null\n", key)
		return err
	}
	value, err := yaml.Marshal(field.Interface())
	if err != nil {
		return fmt.Errorf("print %s: %w", strings.TrimSpace(key), err)
	}
	text := strings.TrimSuffix(string(value), "\n")
	if field.Kind() == reflect.Slice {
		text = "\n" + text
		text = strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", len(key)-len(strings.TrimLeft(key, " "))+2))
		_, err = fmt.Fprintf(w, "%s:%s\n", key, text)
		return err
	}
	_, err = fmt.Fprintf(w, "%s: %s\n", key, text)
	return err
}
