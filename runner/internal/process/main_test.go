package process

import (
	"encoding/json"
	"errors"
	"os"
	"testing"
)

func init() {
	if os.Args[0] == HelperName {
		RunHelper(func(text json.RawMessage) error { return errors.New(string(text)) })
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
