package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// readRows reads an array of rows, with values of the types that the operator's driver gives: an
// integer column is an int64, and what is inside jsonb is what encoding/json makes of it, where
// every number is a float64.
func readRows(in io.Reader) ([]map[string]interface{}, error) {
	var encoded []map[string]json.RawMessage
	if err := json.NewDecoder(in).Decode(&encoded); err != nil {
		return nil, fmt.Errorf("these are no rows: %w", err)
	}
	rows := make([]map[string]interface{}, len(encoded))
	for number, columns := range encoded {
		rows[number] = map[string]interface{}{}
		for name, text := range columns {
			value, err := column(text)
			if err != nil {
				return nil, err
			}
			rows[number][name] = value
		}
	}
	return rows, nil
}

func column(text json.RawMessage) (interface{}, error) {
	var whole int64
	if text[0] != 'n' && json.Unmarshal(text, &whole) == nil {
		return whole, nil
	}
	var value interface{}
	err := json.Unmarshal(text, &value)
	return value, err
}

// readObjects reads an array of objects as the operator sees them in the cluster: whole numbers
// are int64, others float64.
func readObjects(in io.Reader) ([]map[string]interface{}, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var objects []map[string]interface{}
	if err := decoder.Decode(&objects); err != nil {
		return nil, fmt.Errorf("these are no objects: %w", err)
	}
	for _, object := range objects {
		numbered(object)
	}
	return objects, nil
}

// numbered replaces every json.Number below, in place, and returns what value became.
func numbered(value interface{}) interface{} {
	switch value := value.(type) {
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return whole
		}
		broken, _ := value.Float64()
		return broken
	case map[string]interface{}:
		for key, one := range value {
			value[key] = numbered(one)
		}
	case []interface{}:
		for index, one := range value {
			value[index] = numbered(one)
		}
	}
	return value
}
