package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"roomcast/web/api"
)

// openapiCommand is "roomcast openapi": what clients are generated from.
type openapiCommand struct{}

// Run implements the command.
func (openapiCommand) Run(p *process) error {
	document, err := api.OpenAPI()
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, document, "", "  "); err != nil {
		return fmt.Errorf("indent the OpenAPI document: %w", err)
	}
	indented.WriteByte('\n')
	_, err = indented.WriteTo(p.stdout)
	return err
}
