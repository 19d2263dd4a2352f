// Package shared finds what the tests of all languages share: vectors, the sample bank, the server.
package shared

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"jingxi.dev/client/internal/jsontext"
)

// root is the repository, from where this file stands.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "..")
}

// Vectors returns the path of a file of tests/vectors.
func Vectors(name string) string {
	folder := os.Getenv("JINGXI_VECTORS")
	if folder == "" {
		folder = filepath.Join(root(), "tests", "vectors")
	}
	return filepath.Join(folder, name)
}

// Policies returns the folder of the sample bank.
func Policies() string {
	if folder := os.Getenv("JINGXI_POLICIES"); folder != "" {
		return folder
	}
	return filepath.Join(root(), "policies")
}

// Load returns a table of vectors.
func Load(t testing.TB, name string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(Vectors(name))
	if err != nil {
		t.Fatal(err)
	}
	table, err := jsontext.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return table.(map[string]any)
}
