// Render shows what the db-query-operator makes of its manifests, without a cluster: the objects
// that it would apply for rows of a database, and the SQL that it would run for objects it sees.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

const usage = `usage: render manifests FILE
       render objects FILE NAME < rows.json
       render reports FILE NAME < objects.json

manifests  prints the manifests in FILE
objects    prints, for each row of an array, the object that the manifest NAME makes of it
reports    prints, for each object of an array, the SQL that the manifest NAME makes of it
`

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func run(arguments []string, in io.Reader, out io.Writer) error {
	if len(arguments) == 2 && arguments[0] == "manifests" {
		manifests, err := readManifests(arguments[1])
		if err != nil {
			return err
		}
		return show(out, manifests)
	}
	if len(arguments) != 3 {
		return fmt.Errorf("these are no arguments of mine\n%s", usage)
	}
	manifest, err := find(arguments[1], arguments[2])
	if err != nil {
		return err
	}
	switch arguments[0] {
	case "objects":
		return printObjects(manifest, in, out)
	case "reports":
		return printReports(manifest, in, out)
	}
	return fmt.Errorf("there is no command %q\n%s", arguments[0], usage)
}

func printObjects(manifest Manifest, in io.Reader, out io.Writer) error {
	rows, err := readRows(in)
	if err != nil {
		return err
	}
	objects := []map[string]interface{}{}
	for number, row := range rows {
		object, err := manifest.object(row)
		if err != nil {
			return fmt.Errorf("row %d: %w", number, err)
		}
		objects = append(objects, object)
	}
	return show(out, objects)
}

func printReports(manifest Manifest, in io.Reader, out io.Writer) error {
	objects, err := readObjects(in)
	if err != nil {
		return err
	}
	statements := []string{}
	for number, object := range objects {
		statement, err := manifest.report(object)
		if err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		statements = append(statements, statement)
	}
	return show(out, statements)
}

func show(out io.Writer, value interface{}) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
