// Command promql reads queries, a JSON string a line, and tells of each what Prometheus's own parser makes of it.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

type answer struct {
	Error     string        `json:"error,omitempty"`
	Selectors [][][3]string `json:"selectors"`
	Rest      string        `json:"rest,omitempty"`
	// Of what is printed and read again, as Mimir does.
	Again [][][3]string `json:"again"`
}

var with = parser.NewParser(parser.Options{
	EnableExperimentalFunctions:  true,
	ExperimentalDurationExpr:     true,
	EnableExtendedRangeSelectors: true,
	EnableBinopFillModifiers:     true,
})

func told(matchers []*labels.Matcher) [][3]string {
	found := [][3]string{}
	for _, one := range matchers {
		found = append(found, [3]string{one.Name, one.Type.String(), one.Value})
	}
	return found
}

func answerTo(query string) answer {
	expr, err := with.ParseExpr(query)
	if err != nil {
		return answer{Error: err.Error()}
	}
	again := [][][3]string{}
	if printed, err := with.ParseExpr(expr.String()); err == nil {
		again = selectors(printed)
	}
	found := selectors(expr)
	return answer{Selectors: found, Rest: expr.String(), Again: again}
}

// selectors of expr, which has none afterwards.
func selectors(expr parser.Expr) [][][3]string {
	found := [][][3]string{}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if one, ok := node.(*parser.VectorSelector); ok {
			found = append(found, told(one.LabelMatchers))
			one.LabelMatchers = nil
			one.Name = ""
		}
		return nil
	})
	return found
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var query string
		if err := json.Unmarshal(in.Bytes(), &query); err != nil {
			panic(err)
		}
		if err := out.Encode(answerTo(query)); err != nil {
			panic(err)
		}
	}
}
