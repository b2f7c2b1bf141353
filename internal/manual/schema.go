// Package manual generates the manual page and the JSON schema of jobs.toml from the
// documentation of its keys in package config.
package manual

//go:generate go run ./generate ../../jobs.schema.json

import (
	"encoding/json"
	"math"
	"strings"

	"rota/config"
)

// schema is a JSON schema. It uses no oneOf, as editors report a mistake in it once for
// each alternative, and no $ref, which some editors do not follow everywhere.
type schema struct {
	Schema        string             `json:"$schema,omitempty"`
	Title         string             `json:"title,omitempty"`
	Description   string             `json:"description,omitempty"`
	Type          []string           `json:"type"`
	Default       json.RawMessage    `json:"default,omitempty"`
	Enum          []any              `json:"enum,omitempty"`
	Pattern       string             `json:"pattern,omitempty"`
	Minimum       *int               `json:"minimum,omitempty"`
	Maximum       *int               `json:"maximum,omitempty"`
	Items         *schema            `json:"items,omitempty"`
	Required      []string           `json:"required,omitempty"`
	PropertyNames *schema            `json:"propertyNames,omitempty"`
	Properties    map[string]*schema `json:"properties,omitempty"`
	Additional    any                `json:"additionalProperties,omitempty"` // false, or a *schema
}

// Schema returns the JSON schema of jobs.toml, draft 2020-12.
func Schema() []byte {
	tables := map[string]config.Table{}
	for _, t := range config.Tables() {
		tables[t.Name] = t
	}
	root := ofTable(tables, "")
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.Title = "jobs.toml"
	root.Description = "Tasks of rota and when they run."
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // all values of a schema can be written as JSON
	}
	return append(text, '\n')
}

// ofTable returns the schema of the table that is documented under the name.
func ofTable(tables map[string]config.Table, name string) *schema {
	t := tables[name]
	s := &schema{Type: []string{"object"}, Description: t.Text, Required: t.Required, Properties: map[string]*schema{}, Additional: false}
	for key := range t.Keys() {
		k := ofType(tables, key.Type)
		k.Description = key.Text
		if json.Valid([]byte(key.Default)) { // TOML writes all but tables as JSON does
			k.Default = json.RawMessage(key.Default)
		}
		s.Properties[key.Name] = k
	}
	return s
}

// ofType returns the schema of a value.
func ofType(tables map[string]config.Table, t config.Type) *schema {
	s := &schema{}
	switch {
	case t.Table != "":
		s = ofTable(tables, t.Table)
	case t.Named != nil:
		s = &schema{Type: []string{"object"}, Additional: ofType(tables, *t.Named)}
		if t.Names != "" {
			s.PropertyNames = &schema{Type: []string{"string"}, Pattern: t.Names}
		}
	}
	if t.Text || t.Time { // editors see a date as a text
		s.Type = append(s.Type, "string")
		s.Pattern = t.Pattern
	}
	switch {
	case t.Fraction:
		s.Type = append(s.Type, "number")
	case t.Number:
		s.Type = append(s.Type, "integer")
	}
	if t.Number && t.Max != 0 {
		s.Minimum = &t.Min
		if t.Max < math.MaxInt {
			s.Maximum = &t.Max
		}
	}
	if t.Truth {
		s.Type = append(s.Type, "boolean")
	}
	if t.List != nil {
		s.Type = append(s.Type, "array")
		s.Items = ofType(tables, *t.List)
	}
	switch {
	case t.Words == nil:
	case t.Number || t.List != nil: // an enum would exclude these kinds
		s.Pattern = "^(" + strings.Join(t.Words, "|") + ")$"
	default:
		for _, w := range t.Words {
			s.Enum = append(s.Enum, w)
		}
		if t.Truth {
			s.Enum = append(s.Enum, true, false)
		}
	}
	return s
}
