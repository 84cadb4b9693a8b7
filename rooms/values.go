package rooms

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// wholeNumber reads a JSON number that is written as an integer.
func wholeNumber(v any) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, fmt.Errorf("not a number")
	}
	return strconv.ParseInt(n.String(), 10, 64)
}
