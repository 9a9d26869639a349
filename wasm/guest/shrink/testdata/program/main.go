// Program does what depends on the tables of Go's runtime that shrink trims, and prints the
// results.
package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

type shape interface{ Area() float64 }

type square struct{ side float64 }

func (s square) Area() float64 { return s.side * s.side }

// String collects garbage while its frame, and the stubs that reflect called it through, are on the
// stack.
func (s square) String(words ...string) string {
	runtime.GC()
	debug.FreeOSMemory()
	return strings.Join(words, "-") + fmt.Sprint(s.side)
}

// The compiler cannot know what is in variables of a package, and calls their methods through
// wrappers.
var (
	ours   shape        = (*square)(nil)
	others fmt.Stringer = (*time.Duration)(nil)
)

// try prints the panic of f.
func try(name string, f func()) {
	defer func() {
		thrown := recover()
		var fault runtime.Error
		if err, ok := thrown.(error); ok && errors.As(err, &fault) {
			thrown = fault.Error()
		}
		fmt.Printf("%s: %v\n", name, thrown)
	}()
	f()
}

func deep(n int, keep []*int) int {
	p := new(int)
	*p = n
	if n == 0 {
		runtime.GC()
		return len(keep)
	}
	total := deep(n-1, append(keep, p))
	return total + *p
}

func main() {
	var none *square
	try("nil map", func() { var m map[string]int; m["a"] = 1 })
	try("index", func() { fmt.Println([]int{1}[len(os.Args)+5]) })
	try("nil pointer", func() { fmt.Println(none.side) })
	try("wrapper of ours", func() { fmt.Println(ours.Area()) })
	try("wrapper of others", func() { fmt.Println(others.String()) })
	try("type assertion", func() { fmt.Println(any(1).(string)) })
	try("division", func() { fmt.Println(1 / (len(os.Args) - len(os.Args))) })
	try("a panic in another's function", func() { strings.Repeat("a", -1) })
	fmt.Println(fmt.Sprint((*time.Duration)(nil)), fmt.Sprintf("%v", errors.Join(nil, errors.New("joined"))))

	call := reflect.ValueOf(square{3}).MethodByName("String").Interface().(func(...string) string)
	fmt.Println(call("a", "b"), reflect.ValueOf(square{4}).Method(0).Call(nil)[0])
	type swapper = func(int, string) (string, int)
	swap := reflect.MakeFunc(reflect.TypeFor[swapper](), func(in []reflect.Value) []reflect.Value {
		runtime.GC()
		return []reflect.Value{in[1], in[0]}
	}).Interface().(swapper)
	fmt.Println(swap(1, "one"))

	fmt.Println(deep(5000, nil))
	var all sync.WaitGroup
	results := make(chan int, 8)
	for i := range 8 {
		all.Go(func() { results <- deep(100*i, nil); time.Sleep(time.Millisecond) })
	}
	all.Wait()
	close(results)
	var got []int
	for r := range results {
		got = append(got, r)
	}
	slices.Sort(got)
	fmt.Println(got, runtime.NumGoroutine())

	_, file, line, _ := runtime.Caller(0)
	fmt.Println(file[strings.LastIndex(file, "/")+1:], line, runtime.FuncForPC(reflect.ValueOf(main).Pointer()).Name())
	if len(os.Args) > 1 {
		var m map[string]int
		m["trap"]++
	}
}
