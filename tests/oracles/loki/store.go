package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"time"

	"github.com/grafana/loki/v3/pkg/iter"
	"github.com/grafana/loki/v3/pkg/logproto"
	"github.com/grafana/loki/v3/pkg/logql"
	"github.com/grafana/loki/v3/pkg/logql/syntax"
	"github.com/prometheus/prometheus/model/labels"
)

// The label that tells apart what several tenants have, where Loki is asked for more than one.
const (
	ofTenant     = "__tenant_id__"
	formerPrefix = "original_"
)

type stream struct {
	labels  labels.Labels
	entries []logproto.Entry
}

func (s *stream) UnmarshalJSON(data []byte) error {
	var read struct {
		Labels  map[string]string    `json:"labels"`
		Entries [][2]json.RawMessage `json:"entries"`
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	s.labels = labels.FromMap(read.Labels)
	for _, pair := range read.Entries {
		var at int64
		var line string
		if err := json.Unmarshal(pair[0], &at); err != nil {
			return fmt.Errorf("nanoseconds: %w", err)
		}
		if err := json.Unmarshal(pair[1], &line); err != nil {
			return fmt.Errorf("line: %w", err)
		}
		s.entries = append(s.entries, logproto.Entry{Timestamp: time.Unix(0, at), Line: line})
	}
	sort.SliceStable(s.entries, func(i, j int) bool {
		return s.entries[i].Timestamp.Before(s.entries[j].Timestamp)
	})
	return nil
}

func (s *stream) known() logproto.Stream {
	return logproto.Stream{
		Labels: s.labels.String(), Entries: s.entries, Hash: labels.StableHash(s.labels),
	}
}

// within tells whether there is a line then. Loki itself is less exact: it looks at chunks.
func (s *stream) within(start, end time.Time) bool {
	return slices.ContainsFunc(s.entries, func(one logproto.Entry) bool {
		return !one.Timestamp.Before(start) && !one.Timestamp.After(end)
	})
}

func (s *stream) matches(matchers []*labels.Matcher) bool {
	return !slices.ContainsFunc(matchers, func(one *labels.Matcher) bool {
		return !one.Matches(s.labels.Get(one.Name))
	})
}

type tenants map[string][]stream

func read(path string) (tenants, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all tenants
	return all, json.Unmarshal(data, &all)
}

// of is what these tenants have together, each with its label if they are several.
func (all tenants) of(ids []string) querier {
	found := querier{tenants: ids}
	for _, id := range ids {
		for _, one := range all[id] {
			if len(ids) > 1 {
				former := one.labels.Get(ofTenant)
				one.labels = labels.NewBuilder(one.labels).
					Set(formerPrefix+ofTenant, former).Set(ofTenant, id).Labels()
			}
			found.streams = append(found.streams, one)
		}
	}
	return found
}

// querier answers Loki's engine, and what is asked about streams without it.
type querier struct {
	tenants []string
	streams []stream
}

// SelectLogs asks stream by stream: Loki's own mock puts those together that a pipeline makes
// alike, and leaves their lines out of order.
func (q querier) SelectLogs(
	ctx context.Context, params logql.SelectLogParams,
) (iter.EntryIterator, error) {
	var found []iter.EntryIterator
	for _, one := range q.streams {
		mock := logql.NewMockQuerier(0, []logproto.Stream{one.known()})
		lines, err := mock.SelectLogs(ctx, params)
		if err != nil {
			return nil, err
		}
		found = append(found, lines)
	}
	return iter.NewSortEntryIterator(found, params.Direction), nil
}

func (q querier) SelectSamples(
	ctx context.Context, params logql.SelectSampleParams,
) (iter.SampleIterator, error) {
	var all []logproto.Stream
	for _, one := range q.streams {
		all = append(all, one.known())
	}
	return logql.NewMockQuerier(0, all).SelectSamples(ctx, params)
}

// told are names of labels, or values of one, in order. Loki that is set up for several tenants
// tells those of a request to whoever asks, be it only one.
func (q querier) told(asked *logproto.LabelRequest) ([]string, error) {
	if asked.Values && asked.Name == ofTenant {
		return q.tenants, nil
	}
	var matchers []*labels.Matcher
	if asked.Query != "" {
		var err error
		if matchers, err = syntax.ParseMatchers(asked.Query, true); err != nil {
			return nil, err
		}
	}
	var found []string
	for _, one := range q.streams {
		if !one.within(*asked.Start, *asked.End) || !one.matches(matchers) {
			continue
		}
		one.labels.Range(func(label labels.Label) {
			if !asked.Values {
				found = append(found, label.Name)
			} else if label.Name == asked.Name {
				found = append(found, label.Value)
			}
		})
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// series are of streams that match any of the selectors; of all, where there are none.
func (q querier) series(asked *logproto.SeriesRequest) ([]logproto.SeriesIdentifier, error) {
	groups, err := logql.MatchForSeriesRequest(asked.Groups)
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		groups = [][]*labels.Matcher{nil}
	}
	found := []logproto.SeriesIdentifier{}
	for _, one := range q.streams {
		if one.within(asked.Start, asked.End) && slices.ContainsFunc(groups, one.matches) {
			found = append(found, logproto.SeriesIdentifierFromLabels(one.labels))
		}
	}
	return found, nil
}
