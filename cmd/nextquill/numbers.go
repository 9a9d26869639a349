package main

import (
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"nextquill/core/api"
	"nextquill/eval"
	"nextquill/eval/evaldata"
)

// checkNumbers checks the numbers of the command line before the command starts. The tag "api" of a
// flag names the parameter whose range it has, such as "Training.LR".
func checkNumbers(parsed *kong.Context) error {
	for _, flag := range parsed.Flags() {
		parameter := flag.Tag.Get("api")
		v := reflect.Indirect(reflect.ValueOf(parsed.FlagValue(flag)))
		if parameter == "" || !v.IsValid() { // not given
			continue
		}
		r := rangeOf(parameter)
		if err := r.Check("--"+flag.Name, "", v.Convert(reflect.TypeFor[float64]()).Float()); err != nil {
			return err
		}
	}
	return nil
}

// rangeOf is the range of a parameter of package api, or of an evaluation.
func rangeOf(parameter string) api.Range {
	group, name, _ := strings.Cut(parameter, ".")
	for _, t := range []reflect.Type{
		reflect.TypeFor[api.Training](), reflect.TypeFor[api.LoRA](), reflect.TypeFor[api.Sampling](),
		reflect.TypeFor[api.Retrieval](), reflect.TypeFor[api.Source](), reflect.TypeFor[api.ExplainParams](),
		reflect.TypeFor[api.BenchParams](), reflect.TypeFor[api.BenchCurvesParams](), reflect.TypeFor[api.StepParams](),
		reflect.TypeFor[evaldata.Split](), reflect.TypeFor[eval.Settings](), reflect.TypeFor[eval.Runner](),
	} {
		if t.Name() != group {
			continue
		}
		if f, ok := t.FieldByName(name); ok {
			if r, ok := api.RangeOf(f); ok {
				return r
			}
		}
	}
	panic("no parameter has the name " + parameter) // a wrong struct tag
}
