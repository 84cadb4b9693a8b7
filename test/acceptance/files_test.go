package acceptance

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// files reads every file below a directory.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var keyWord = regexp.MustCompile(`[A-Za-z0-9_-]{22,}`)

// printedKey returns the generated admin key in the server's greeting: the first
// long word after the words "admin key".
func printedKey(out string) string {
	at := regexp.MustCompile(`(?i)admin[ _]key`).FindStringIndex(out)
	if at == nil {
		return ""
	}
	return keyWord.FindString(out[at[1]:])
}
