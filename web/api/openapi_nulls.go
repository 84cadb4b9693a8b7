package api

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// settleNulls says in the schemas what JSON will really hold: huma cannot tell that a pointer to a struct may be
// null, and takes every list for one that may.
func settleNulls(schemas huma.Registry) {
	for name, schema := range schemas.Map() {
		t := schemas.TypeFromRef(schemaPrefix + name)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for _, field := range reflect.VisibleFields(t) {
			tag := field.Tag.Get("json")
			property := schema.Properties[strings.Split(tag, ",")[0]]
			if property == nil || !field.IsExported() {
				continue
			}
			switch {
			case field.Type.Kind() == reflect.Slice:
				property.Nullable = false
			case property.Ref != "" && field.Type.Kind() == reflect.Pointer && (!strings.Contains(tag, ",omit") || field.Tag.Get("null") == "true"):
				property.OneOf = []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}
				property.Ref = ""
			}
		}
	}
}
