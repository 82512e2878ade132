package rows_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/rows"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestGather(t *testing.T) {
	inputs := []rows.Input{{Name: "pixels", DType: codec.Float32, Shape: []int{2}}, {Name: "words", DType: codec.String, Shape: []int{-1}}}
	layout := []codec.Tensor{{Name: "pixels", DType: codec.Uint8, Shape: []int{1, 2}}, {Name: "words", DType: codec.String, Shape: []int{2}}}
	asked := 0
	g, err := rows.NewGather(inputs, layout, func(input int, old []byte, size int) []byte {
		asked++
		return rows.Grow(input, old, size)
	})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		g.Reset()
		for i := range byte(5) {
			row := g.Next()
			row[0][0], row[0][1] = i, 10*i
			row[1] = codec.AppendText(codec.AppendText(row[1], "a"), string(bytes.Repeat([]byte("b"), int(i))))
		}
		g.Drop()
		g.Blank()
		if g.Len() != 5 || g.Within(1, 5) != nil {
			t.Fatalf("%d records", g.Len())
		}
		if b, d := g.Of(0, 2, 5); d != codec.Uint8 || !bytes.Equal(b, []byte{2, 20, 3, 30, 0, 0}) {
			t.Errorf("round %d: %v of %s", round, b, d)
		}
		want := codec.AppendText(codec.AppendText(nil, "a"), "bbb")
		want = codec.AppendText(codec.AppendText(want, ""), "")
		if b, _ := g.Of(1, 3, 5); !bytes.Equal(b, want) {
			t.Errorf("round %d: %q, want %q", round, b, want)
		}
	}
	if asked != 4 { // for 1, 2, 4 and 8 records
		t.Errorf("room was asked for %d times", asked)
	}
	for _, r := range [][2]int{{-1, 1}, {2, 2}, {0, 6}} {
		if g.Within(r[0], r[1]) == nil {
			t.Errorf("records %v of 5", r)
		}
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	inputs := []rows.Input{{Name: "x", DType: codec.Float32, Shape: []int{-1, 2}}}
	for name, layout := range map[string][]codec.Tensor{
		"x":      {{Name: "x", DType: codec.Float32, Shape: []int{4}}},
		"y":      {{Name: "y", DType: codec.Float32, Shape: []int{4, 3}}},
		"z":      {{Name: "z", DType: codec.String, Shape: []int{4, 2}}},
		"inputs": nil,
	} {
		_, err := rows.NewGather(inputs, layout, nil)
		var e *pipeline.Error
		if !errors.As(err, &e) || e.Kind != pipeline.Invalid || e.Field != name {
			t.Errorf("%v: %v", layout, err)
		}
	}
	g, err := rows.NewGather(inputs, []codec.Tensor{{Name: "x", DType: codec.Int8, Shape: []int{4, 2}}}, nil)
	if err != nil || len(g.Shape(0, 7)) != 3 || g.Shape(0, 7)[0] != 7 || g.Shape(0, 7)[1] != 4 {
		t.Error(err)
	}
}

func TestPace(t *testing.T) {
	p := rows.NewPace(300)
	p.Start(1)
	if p.Limit() != rows.FirstLimit {
		t.Errorf("it starts at %d", p.Limit())
	}
	p.Learn(10, 0) // no full batch
	p.Learn(64, time.Second)
	if p.Limit() != 64 {
		t.Errorf("it has learned %d of slow batches", p.Limit())
	}
	for range 5 {
		p.Learn(p.Limit(), 0)
	}
	if p.Limit() != 300 {
		t.Errorf("quick batches make it %d", p.Limit())
	}
	p.Lower(300)
	if p.Limit() != 150 {
		t.Errorf("too large a batch makes it %d", p.Limit())
	}
	p.Lower(1)
	p.Lower(1)
	if p.Limit() != 1 {
		t.Errorf("it falls to %d", p.Limit())
	}
	large := rows.NewPace(0)
	large.Start(10 << 20)
	if large.Limit() != 3 {
		t.Errorf("records of 10 MiB are predicted by %d", large.Limit())
	}
}

func TestCallsUnderWay(t *testing.T) {
	p := rows.NewPace(1)
	seen := map[int]bool{}
	for range p.Calls() {
		call, err := p.Enter(t.Context())
		if err != nil || seen[call] || call < 0 || call >= p.Calls() {
			t.Fatal(call, err)
		}
		seen[call] = true
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := p.Enter(ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.Leave(0)
	if call, err := p.Enter(t.Context()); call != 0 || err != nil {
		t.Error(call, err)
	}
}

func TestCast(t *testing.T) {
	for from, stored := range map[codec.DType][]byte{
		codec.Uint8: {200, 1}, codec.Int8: {0xff, 1}, codec.Uint16: {1, 2, 3, 4}, codec.Int32: {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
	} {
		got, want := make([]byte, 8), make([]byte, 8)
		if err := errors.Join(rows.Cast(got, codec.Float32, stored, from), codec.Cast(want, codec.Float32, stored, from)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, want %v, %v", from, got, want, err)
		}
	}
	if rows.Cast(make([]byte, 8), codec.Float32, make([]byte, 3), codec.Uint8) == nil {
		t.Error("three bytes are two numbers")
	}
}
