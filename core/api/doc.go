// Package api defines the interface between NextQuill's core and its callers: the names of the
// methods, their parameters and results, the events that they emit, and the form of an error.
//
// The command line, the browser module and the tests use this interface, as JSON. A caller sends
// the name of a method and its parameters. The core emits events while it works, and answers with a
// result or an error. Package rpc carries the messages. Packages jobs and diag implement the
// methods; package selftest implements the one for kernel cases.
//
// A parameter that names a blob is a path in the store that the host opened, such as
// "model/config.json", "history.jsonl" or "out/adapter". The tag of a field gives its name in JSON.
// The zero value of an optional field selects the default that its comment states.
//
// The package holds types and constants. Methods, Events and Enums list them, for tools that
// generate code or documentation.
package api

// Version is the version of the program. It is the only source: package.json and every other place
// that states a version is compared with it by a test.
const Version = "0.1.0"
